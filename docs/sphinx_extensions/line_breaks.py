"""What may break on a narrow page: numbers and flags stay on one line, prose of tables gets room.

A style sheet cannot see what an element holds, so this gives elements classes for `site.css`.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx

# A result with its error, or three of them, is shorter, and has units but no words.
_NUMBER = 26
_WORD = re.compile(r"[^\W\d_]{4}")
# A sentence is longer.
_PROSE = 60
# Code without a space in it that is wider than a phone, and breaks where it must.
_LONG = 40


def setup(app: Sphinx) -> dict[str, bool]:
    """Marks the elements of every page as it is read."""
    app.connect("doctree-read", lambda app, doctree: mark(doctree))
    return {"parallel_read_safe": True}


def mark(doctree: nodes.Node) -> None:
    """Adds `number` or `prose` to the classes of cells, and `long` to those of long code."""
    for cell in doctree.findall(nodes.entry):
        kind = cell_kind(cell.astext())
        if kind:
            cell["classes"].append(kind)
    for code in doctree.findall(nodes.literal):
        if any(len(word) > _LONG for word in code.astext().split()):
            code["classes"].append("long")


def cell_kind(text: str) -> str:
    """`number` for a short text of digits without words, `prose` for a long text, else nothing."""
    if len(text) <= _NUMBER and re.search(r"\d", text) and not _WORD.search(text):
        return "number"
    return "prose" if len(text) >= _PROSE else ""
