"""Latents: drawn, between images, and along attributes (section 6)."""

from typing import TYPE_CHECKING

from tfglow.lazy_parts import lazy_parts

if TYPE_CHECKING:
    from tfglow.latents.attribute_directions import AttributeDirections
    from tfglow.latents.attribute_table import read_attribute_table
    from tfglow.latents.drawing import draw_latents
    from tfglow.latents.interpolation import between, interpolate

__all__ = [
    "AttributeDirections",
    "between",
    "draw_latents",
    "interpolate",
    "read_attribute_table",
]

__getattr__, __dir__ = lazy_parts(
    __name__,
    {
        "AttributeDirections": "attribute_directions",
        "between": "interpolation",
        "draw_latents": "drawing",
        "interpolate": "interpolation",
        "read_attribute_table": "attribute_table",
    },
)
