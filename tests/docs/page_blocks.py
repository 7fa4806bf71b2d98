"""The code blocks of a Markdown page, and what the comments before them say of their run."""

import dataclasses
import re
import textwrap

# What runs, what is compared, and what is only shown. Another name for a shell or for Python would
# leave a block out without a word.
RUN = ("python", "bash")
SHOWN = ("", "text", "json", "yaml", "html", "http", "toml", "ini", "csv")

_BLOCK = re.compile(
    r"(?P<notes>(?:^[ ]*<!--(?:(?!-->).)*-->[ ]*\n)*)"
    r"^(?P<indent>[ ]*)```(?P<language>[^\n`]*)\n(?P<source>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_NOTE = re.compile(r"<!--\s*(.*?)\s*-->", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block, as it is run."""

    language: str
    source: str
    # Of the block's first line in its page, from 1.
    line: int
    # Why it is not run; empty where it is.
    not_run: str = ""
    # Whether it is what the block before it prints.
    is_output: bool = False


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in their order.

    Raises:
      ValueError: If a comment before a block is not one of those that CONTRIBUTING.md lists, or
        says to replace what the block does not hold, or a language is not known here.
    """
    return [_block(found, page) for found in _BLOCK.finditer(page)]


def _block(found: re.Match, page: str) -> Block:
    language = found["language"].strip()
    line = page[: found.start("source")].count("\n") + 1
    if language not in (*RUN, *SHOWN):
        raise ValueError(f"line {line}: expected a block of {RUN} or {SHOWN}, got {language!r}")
    source = textwrap.dedent(found["source"])
    not_run, is_output = "", False
    for note in _NOTE.findall(found["notes"]):
        if note.startswith("not run: "):
            not_run = note.removeprefix("not run: ")
        elif note.startswith("run with: ") and " => " in note:
            old, _, new = note.removeprefix("run with: ").partition(" => ")
            if old not in source:
                raise ValueError(f"line {line}: the block has no {old!r} to replace")
            source = source.replace(old, new)
        elif note == "output" and language == "text":
            is_output = True
        else:
            raise ValueError(f"line {line}: cannot follow the comment {note!r}")
    return Block(language, source, line, not_run, is_output)
