"""Pictures as arrays and files, without TensorFlow."""

import importlib
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    """Imports the function when it is first asked for: who draws nothing needs no fonts."""
    if name == "save_grid":
        return importlib.import_module("tfglow.pictures.saving").save_grid
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
