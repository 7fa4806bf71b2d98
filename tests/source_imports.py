"""What the project's own source files import, read without running them."""

import ast
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[1]


class Import(NamedTuple):
    """One import statement's target."""

    file: pathlib.Path
    line: int
    # A dotted name: a module of the project where the target is one, else as it is written.
    target: str


def modules(root: pathlib.Path, package: str) -> dict[str, pathlib.Path]:
    """The modules of `root/package` by dotted name, packages among them."""
    found = {}
    for file in sorted((root / package).rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        # A package comes before a script of its name, as it does for Python.
        found.setdefault(".".join(parts[:-1] if parts[-1] == "__init__" else parts), file)
    return found


def imports(name: str, known: dict[str, pathlib.Path]) -> Iterator[Import]:
    """Every import of the module `name`, also those inside functions and for type checkers.

    Args:
      name: A key of `known`.
      known: The project's modules: `from a import b` is an import of a.b where that is one.
    """
    file = known[name]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, name, is_package=file.name == "__init__.py")
            for alias in node.names:
                submodule = f"{base}.{alias.name}"
                yield Import(file, node.lineno, submodule if submodule in known else base)


def _absolute(node: ast.ImportFrom, name: str, is_package: bool) -> str:
    """The module that `from ... import` names, with leading dots resolved."""
    if not node.level:
        return node.module
    package = name.split(".") if is_package else name.split(".")[:-1]
    base = package[: len(package) - (node.level - 1)]
    return ".".join([*base, node.module] if node.module else base)
