"""Every package that the code imports is declared, and every declared one is pinned."""

import configparser
import functools
import importlib.metadata
import re
import sys

import pytest

from tests.source_imports import ROOT, imports, modules

# The extras of setup.cfg that a folder's code may count on.
EXTRAS = {
    "tfglow": ("scoring",),
    "train": ("train", "scoring"),
    "export": ("serving", "onnx"),
    "serving": ("serving", "demo"),
    "benchmarks": ("train", "serving", "bench"),
}
FOLDERS = [folder for folder in EXTRAS if (ROOT / folder).is_dir()]
# Run by hand, to make a file that is in the repository.
BY_HAND = {("tfglow.datasets.digits.make_digits", "sklearn")}


@functools.cache
def _options() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _names(requirements: str) -> set[str]:
    """The distributions that a requirement list names."""
    return {_normal(re.match(r"[\w.-]+", line)[0]) for line in requirements.split("\n") if line}


def _declared(extras: tuple[str, ...]) -> set[str]:
    names = _names(_options()["options"]["install_requires"])
    return names.union(*(_names(_options()["options.extras_require"][e]) for e in extras))


@functools.cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_are_declared(folder):
    known = {name: file for owner in FOLDERS for name, file in modules(ROOT, owner).items()}
    own = {*FOLDERS, *sys.stdlib_module_names}
    declared = _declared(EXTRAS[folder])
    undeclared = []
    for name in modules(ROOT, folder):
        for line in imports(name, known):
            package = line.target.split(".")[0]
            if package in own or (name, package) in BY_HAND:
                continue
            # A namespace such as `google` belongs to several distributions.
            providers = {_normal(d) for d in _distributions().get(package, [package])}
            if not providers & declared:
                undeclared.append(f"{line.file.relative_to(ROOT)}:{line.line} {line.target}")
    assert undeclared == []


def test_constraints_pin_what_is_declared():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    pinned = {_normal(line.partition("==")[0]) for line in lines}
    declared = _declared(tuple(_options()["options.extras_require"]))
    assert declared - pinned == {"tfglow"}  # The project itself, whose extras `test` includes.
