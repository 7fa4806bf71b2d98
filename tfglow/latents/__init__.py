"""Latents: drawn, between images, and along attributes (section 6)."""

import importlib
from typing import TYPE_CHECKING, Any

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

_MODULES = {
    "AttributeDirections": "attribute_directions",
    "between": "interpolation",
    "draw_latents": "drawing",
    "interpolate": "interpolation",
    "read_attribute_table": "attribute_table",
}


def __getattr__(name: str) -> Any:
    """Imports a part when it is first asked for: a client interpolates without TensorFlow."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
