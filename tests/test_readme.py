"""The README is true: its snippets run, its commands are CI's. Its links: docs/test_links.py."""

import re
import runpy

import pytest

from tests.source_imports import ROOT

pytestmark = pytest.mark.slow

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SNIPPETS = [source for language, source in BLOCKS if language == "python"]
COMMANDS = [
    line for language, source in BLOCKS if language == "bash" for line in source.splitlines()
]


def _heading(source: str) -> str:
    """The heading that a block stands under."""
    before = README[: README.index(source)]
    return re.findall(r"^#+ (.*)$", before, re.MULTILINE)[-1]


@pytest.mark.parametrize("source", SNIPPETS, ids=_heading)
def test_snippet_runs(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    program = tmp_path / "snippet.py"
    # Blank lines in front, so that a failure shows the README's line.
    program.write_text("\n" * README[: README.index(source)].count("\n") + source, "utf-8")
    runpy.run_path(str(program))


def test_there_are_snippets():
    assert len(SNIPPETS) >= 2


def test_ci_runs_the_commands_that_install_and_test():
    [command] = [command for command in COMMANDS if command.endswith("pytest")]
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [lines.count(part) for part in command.split(" && ")] == [1, 1]
