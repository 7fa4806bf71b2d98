"""The README is short, and its commands are CI's. Its snippets run in docs/test_pages.py."""

import re

from tests.docs.page_blocks import blocks
from tests.source_imports import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = blocks(README)
COMMANDS = [
    line for block in BLOCKS if block.language == "bash" for line in block.source.splitlines()
]


def test_there_are_snippets_and_all_run():
    snippets = [block for block in BLOCKS if block.language == "python"]
    assert len(snippets) >= 2
    assert [block.line for block in snippets if block.not_run] == []


def test_ci_runs_the_commands_that_install_and_test():
    [command] = [command for command in COMMANDS if command.endswith("pytest")]
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [lines.count(part) for part in command.split(" && ")] == [1, 1]


def test_it_is_short():
    """What is longer is a page in docs/."""
    assert len(re.findall(r"\S+", README)) < 1000
