"""What a class inherits from Keras or TFP is documented there."""

import functools
from typing import Any

from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Leaves out what is not defined in tfglow."""
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True}


def _skip(app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    if isinstance(thing, property):
        thing = thing.fget
    elif isinstance(thing, functools.cached_property):
        thing = thing.func
    if not callable(thing):
        return None
    return True if not str(getattr(thing, "__module__", "")).startswith("tfglow") else None
