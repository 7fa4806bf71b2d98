import importlib

import pytest

from tests.source_imports import ROOT

LAZY = [
    ".".join(file.parent.relative_to(ROOT).parts)
    for package in ("tfglow", "serving")
    for file in sorted((ROOT / package).rglob("__init__.py"))
    if "lazy_parts(" in file.read_text(encoding="utf-8")
]


def test_there_are_some():
    assert {"tfglow.datasets", "tfglow.runs", "serving.client"} <= set(LAZY)


@pytest.mark.parametrize("name", LAZY)
def test_every_public_name_is_a_part(name, monkeypatch):
    package = importlib.import_module(name)
    for part in package.__all__:
        # A module that somebody has imported is an attribute already.
        monkeypatch.delitem(vars(package), part, raising=False)
        assert getattr(package, part) is not None
    assert set(package.__all__) <= set(dir(package))
    assert "__name__" in dir(package)


@pytest.mark.parametrize("name", LAZY)
def test_other_names_are_none(name):
    with pytest.raises(AttributeError, match=rf"^module '{name}' has no attribute 'nothing'$"):
        _ = importlib.import_module(name).nothing
