"""Packages whose parts are imported when they are first asked for."""

import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any


def lazy_parts(
    package: str, parts: Mapping[str, str], modules: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a package that gathers names of its modules.

    Many of them bring TensorFlow, which takes seconds to import, and others must do without.

    Args:
      package: The package's name.
      parts: Its public names, each with the module in it that defines it.
      modules: Its public modules.
    """

    def get(name: str) -> Any:
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        if name not in parts:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{parts[name]}"), name)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *parts, *modules})

    return get, names
