"""Every public name of the library, by walking from `tfglow.__all__`."""

import importlib
import inspect
import types
from collections.abc import Iterator
from typing import Any


def public_names() -> dict[str, Any]:
    """What users may rely on, by its dotted name; a thing with two names has the shorter one's."""
    found: dict[str, Any] = {}
    for name, thing in sorted(_names("tfglow"), key=lambda item: (item[0].count("."), item[0])):
        if callable(thing) and any(thing is other for other in found.values()):
            continue
        found[name] = thing
    return found


def _names(module: str) -> Iterator[tuple[str, Any]]:
    """The names of `__all__`; of a module without one, what it defines."""
    content = importlib.import_module(module)
    names = getattr(content, "__all__", None)
    if names is None:
        names = [
            name
            for name, thing in vars(content).items()
            if not name.startswith("_")
            and (inspect.isclass(thing) or inspect.isfunction(thing))
            and thing.__module__ == module
        ]
    for name in names:
        thing = getattr(content, name, None)
        if thing is None or isinstance(thing, types.ModuleType):
            yield from _names(f"{module}.{name}")
        else:
            yield f"{module}.{name}", thing
