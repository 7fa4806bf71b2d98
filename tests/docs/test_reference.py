"""The reference pages have every public name, and each name's example runs."""

import contextlib
import doctest
import re
import warnings

import pytest

from tests.docs.page_blocks import blocks
from tests.public_names import public_names
from tests.source_imports import ROOT

REFERENCE = ROOT / "docs" / "reference"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(REFERENCE.glob("*.md"))}
NAMES = public_names()
# Constants have no docstring: their pages say what they are.
DOCUMENTED = [name for name, thing in NAMES.items() if callable(thing)]
# What is shown of numbers is rounded; `...` stands for what varies.
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_pages_have_every_public_name_once():
    shown = re.findall(
        r"^\.\. (?:auto)?(?:class|function|exception|py:data):: (\S+)$",
        "\n".join(PAGES.values()),
        re.MULTILINE,
    )
    assert sorted(shown) == sorted(NAMES)


def test_the_index_names_what_each_page_has():
    rows = dict(re.findall(r"^\| \[[^]]+\]\((\w+)\.md\) \| (.*) \|$", PAGES["index"], re.MULTILINE))
    assert set(rows) == set(PAGES) - {"index"}
    for page, row in rows.items():
        shown = re.findall(r"^\.\. \S+:: (\S+)$", PAGES[page], re.MULTILINE)
        assert re.findall(r"`(\w+)`", row) == [name.rpartition(".")[2] for name in shown]


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the index page imports and makes for all examples: one model."""
    (setup,) = (block for block in blocks(PAGES["index"]) if block.language == "python")
    source = setup.source.replace('"tests/', f'"{ROOT.as_posix()}/tests/')
    found = {"__name__": "__main__"}
    with contextlib.chdir(tmp_path_factory.mktemp("setup")):
        exec(compile(source, str(REFERENCE / "index.md"), "exec"), found)
    return found


@pytest.mark.parametrize("name", DOCUMENTED)
@pytest.mark.slow
def test_example_runs(name, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    thing = NAMES[name]
    globs = dict(names)
    tests = doctest.DocTestFinder(recurse=False).find(thing, name, module=False, globs=globs)
    examples = [test for test in tests if test.examples]
    assert examples, f"{name} has no example in its docstring"
    # An example's last state is what shows that it does something: a value, or an error.
    assert any(example.want for test in examples for example in test.examples), name
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runner = doctest.DocTestRunner(optionflags=FLAGS)
        for test in examples:
            runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
