"""Cells of tables that a narrow page must not squeeze: numbers stay on one line, prose gets room.

A style sheet cannot see what a cell holds, so this gives the cells classes for `site.css`.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx

# A result with its error, or three of them, is shorter, and has units but no words.
_NUMBER = 26
_WORD = re.compile(r"[^\W\d_]{4}")
# A sentence is longer.
_PROSE = 60


def setup(app: Sphinx) -> dict[str, bool]:
    """Marks the cells of every page as it is read."""
    app.connect("doctree-read", lambda app, doctree: mark_cells(doctree))
    return {"parallel_read_safe": True}


def mark_cells(doctree: nodes.Node) -> None:
    """Adds the class `number` or `prose` to the cells that are one."""
    for cell in doctree.findall(nodes.entry):
        kind = cell_kind(cell.astext())
        if kind:
            cell["classes"].append(kind)


def cell_kind(text: str) -> str:
    """`number` for a short text of digits without words, `prose` for a long text, else nothing."""
    if len(text) <= _NUMBER and re.search(r"\d", text) and not _WORD.search(text):
        return "number"
    return "prose" if len(text) >= _PROSE else ""
