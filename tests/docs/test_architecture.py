"""docs/architecture.md is true: its layers, its walks through the code, its private names."""

import ast
import functools
import re

import pytest

from tests.source_imports import ROOT
from tests.test_import_directions import LAYERS
from tests.test_private_names import ALLOWED

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# `path` `name`, `name`, …
_NAMES = r"`(\S+\.py)`(\s+`[A-Za-z_][\w.]*`(?:,\s+`[A-Za-z_][\w.]*`)*)"
NAMED = [
    (path, name)
    for path, names in re.findall(_NAMES, PAGE)
    for name in re.findall(r"`([^`]+)`", names)
    if "NAME" not in path
]


@functools.cache
def definitions(path):
    """The names that a file defines at its top, and those of its classes with the class's name."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    found = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, functions | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (part for part in node.body if isinstance(part, functions))
            found |= {f"{node.name}.{part.name}" for part in methods}
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def section(heading):
    """The text under a heading of the second level."""
    return PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_file_defines_what_is_named_with_it(path, name):
    assert name in definitions(path)


@pytest.mark.parametrize("heading", ["From an image to its likelihood", "From a seed to its PNG"])
def test_every_step_names_its_place(heading):
    steps = re.findall(r"^\d+\. (.*)$", section(heading), re.MULTILINE)
    assert len(steps) > 10
    assert [step for step in steps if not re.match(_NAMES, step)] == []


def test_what_to_touch_is_in_the_files_that_are_named_with_it():
    chunks = re.split(r"\n\n|\n(?=\d+\. |\|)", section("What to touch to add …"))
    checked = 0
    for chunk in chunks:
        paths = [path for path in re.findall(r"`([^`\s]+\.\w+)`", chunk) if (ROOT / path).is_file()]
        source = "".join((ROOT / path).read_text(encoding="utf-8") for path in paths)
        for name in re.findall(r"`([A-Za-z_][\w.]*)`", chunk) if paths else ():
            if name != "NAME" and not (ROOT / name).exists():
                checked += 1
                assert re.search(rf"\b{name.rpartition('.')[2]}\b", source), (name, paths)
    assert checked > 30


def test_every_path_is_there():
    paths = set(re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|md|cfg|txt|yml|json|proto))`", PAGE))
    assert len(paths) > 100
    absent = {path for path in paths if not (ROOT / path).exists()}
    assert {path for path in absent if "NAME" not in path} == set()


def test_the_picture_has_the_layers_of_the_import_test():
    library = section("The picture").split("  tfglow/")[1].split("```")[0]
    rows = re.findall(r"^    (\w+(?: · \w+)*)  ", library, re.MULTILINE)
    assert [set(row.split(" · ")) for row in rows] == list(LAYERS)[::-1]


def test_private_names_are_those_of_their_test():
    table = section("Private names of TensorFlow, TFP and Keras")
    rows = [line.strip("|").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    assert {(file.strip(" `"), name.strip(" `")) for name, file, *_ in rows} == set(ALLOWED)
    for row in rows:
        path, _, test = row[-1].strip(" `").partition("::")
        assert test in definitions(path)
