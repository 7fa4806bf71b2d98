"""Pictures as arrays and files, without TensorFlow."""

from typing import TYPE_CHECKING

from tfglow.lazy_parts import lazy_parts

if TYPE_CHECKING:
    from tfglow.pictures.saving import save_grid

# A function, and the modules that are for users; what they define is public.
__all__ = [
    "image_grid",
    "labelled_grid",
    "picture_fit",
    "preparation",
    "reading",
    "save_grid",
    "unreadable_picture",
]

# Fonts are imported by whoever draws.
__getattr__, __dir__ = lazy_parts(
    __name__, {"save_grid": "saving"}, modules=set(__all__) - {"save_grid"}
)
