"""Every script says what it is for, with what it imports being there."""

import importlib

import pytest

from tests.source_imports import ROOT, modules

# Of the extra `bench`, which the tests do without.
OPTIONAL = ("torch", "normflows", "FrEIA", "jax", "jaxlib", "ml_dtypes")
MODULES = {
    name: file.read_text(encoding="utf-8")
    for name, file in modules(ROOT, "benchmarks").items()
    if not any(f"import {package}" in file.read_text(encoding="utf-8") for package in OPTIONAL)
}
SCRIPTS = sorted(name for name, source in MODULES.items() if ".parse_args()" in source)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_what_there_is(name):
    importlib.import_module(name)


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_names_the_command(name, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit) as end:
        importlib.import_module(name).main()
    assert end.value.code == 0
    assert f"python -m {name.removesuffix('.__main__')}" in capsys.readouterr().out
