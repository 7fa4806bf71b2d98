"""Docstrings of what is public: there, and with arguments that say what they are."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.source_imports import ROOT

FOLDERS = ("tfglow", "export", "train", "serving", "benchmarks")
TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
}
# "dtype: Of the event." stands alone in an API page, and says nothing.
WITHOUT_SUBJECT = re.compile(r"^\s+[\w*]+: (Of|As|From) ", re.MULTILINE)


def _public(
    node: ast.AST, bases: tuple[str, ...] = ()
) -> Iterator[tuple[ast.AST, tuple[str, ...]]]:
    """Public classes, functions and methods below `node`; methods with their class's bases."""
    for child in ast.iter_child_nodes(node):
        # What a command's `main` does, the module's docstring says.
        public = not getattr(child, "name", "_").startswith("_") and child.name != "main"
        if public and isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield child, bases
            if isinstance(child, ast.ClassDef):
                yield from _public(child, tuple(ast.unparse(base) for base in child.bases))


# Where a base class here says what a method does, its subclasses need not.
DOCUMENTED = {
    (node.name, method.name)
    for tree in TREES.values()
    for node in ast.walk(tree)
    if isinstance(node, ast.ClassDef)
    for method in node.body
    if isinstance(method, ast.FunctionDef) and ast.get_docstring(method)
}


@pytest.mark.parametrize("path", TREES)
def test_what_is_public_has_a_docstring(path):
    without = [
        f"{node.name}, line {node.lineno}"
        for node, bases in _public(TREES[path])
        if not ast.get_docstring(node) and not {(base, node.name) for base in bases} & DOCUMENTED
    ]
    assert ast.get_docstring(TREES[path])
    assert without == []


@pytest.mark.parametrize("path", TREES)
def test_arguments_are_described_by_a_noun(path):
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(TREES[path]) if isinstance(node, documented)]
    lines = [WITHOUT_SUBJECT.search(ast.get_docstring(node) or "") for node in nodes]
    assert [line[0].strip() for line in lines if line] == []


def test_the_rule_for_arguments_finds_what_it_should():
    assert WITHOUT_SUBJECT.search("Args:\n  dtype: Of the event.")
    assert not WITHOUT_SUBJECT.search("Args:\n  dtype: Dtype of the event.")
