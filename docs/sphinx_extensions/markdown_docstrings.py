"""Docstrings are Markdown with Google's sections; Sphinx reads reStructuredText.

Single backticks are code, and a link where they hold a public name. A paragraph that is indented by
four is a formula or code, as it stands. `|`, `*` and `_` mean nothing outside of them.
"""

import collections
import dataclasses
import functools
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.inspect import signature, stringify_signature

# Of an attribute napoleon takes what stands before a colon for its type. Its docstring goes past it
# with this in a colon's place.
_COLON = "\ue000"
# In a docstring these are as often a method, an argument or a statistic.
_ALSO_METHODS = {"bits_per_dim", "evaluate", "load", "log_prob_terms"}
_SECTION = re.compile(r"^(Args|Returns|Raises|Yields|Example|Examples|Attributes):$")
_CODE = re.compile(r"``(?P<double>[^`]+)``|`(?P<single>[^`]+)`", re.DOTALL)


def setup(app: Sphinx) -> dict[str, bool]:
    """Rewrites every docstring before napoleon reads its sections."""
    app.connect("autodoc-process-docstring", _rewrite, priority=400)
    app.connect("autodoc-process-docstring", _with_colons, priority=600)
    app.connect("autodoc-process-signature", _constructor)
    return {"parallel_read_safe": True}


def _rewrite(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    text = list(_fields(thing)) if what == "class" else []
    lines[:] = to_rest([*lines, *text])
    if what in ("attribute", "property"):
        lines[:] = [line.replace(":", _COLON) for line in lines]


def _with_colons(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    lines[:] = [line.replace(_COLON, ":") for line in lines]


def _constructor(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, arguments: str, result: str
) -> tuple[str, str | None] | None:
    """A class's own constructor, where a base class's `__new__` takes anything."""
    init = getattr(thing, "__init__", None)
    if what != "class" or not str(getattr(init, "__module__", "")).startswith("tfglow"):
        return None
    found = stringify_signature(
        signature(init, bound_method=True),
        show_return_annotation=False,
        unqualified_typehints=True,
    )
    return found, None


def to_rest(lines: list[str]) -> list[str]:
    """The lines of a docstring, without its common indentation, in reStructuredText."""
    result: list[str] = []
    prose: list[str] = []
    in_section = False

    def end_prose() -> None:
        result.extend(_inline("\n".join(prose)).split("\n") if prose else [])
        prose.clear()

    for paragraph in _paragraphs(lines):
        first = paragraph[0]
        in_section = in_section or bool(_SECTION.match(first))
        if first.lstrip().startswith(">>>") or any(">>>" in line for line in paragraph):
            end_prose()
            result += [*paragraph, ""]
        elif not in_section and all(line.startswith("    ") for line in paragraph):
            end_prose()
            result += ["::", "", *paragraph, ""]
        else:
            end_prose()
            prose += [*(paragraph if in_section else _apart(paragraph)), ""]
    end_prose()
    return result


def _paragraphs(lines: list[str]) -> list[list[str]]:
    """Lines between blank ones."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line.rstrip())
        elif found[-1]:
            found.append([])
    return [paragraph for paragraph in found if paragraph]


def _apart(paragraph: list[str]) -> list[str]:
    """A list inside a paragraph, with the blank lines that it needs around it."""
    result: list[str] = []
    in_list = False
    for line in paragraph:
        is_item = line.startswith("- ")
        ends = in_list and not line.startswith(("- ", "  "))
        if result and (ends or (is_item and not in_list)):
            result.append("")
        in_list = is_item or (in_list and line.startswith("  "))
        result.append(line)
    return result


def _inline(text: str) -> str:
    """Code in reStructuredText's marks, and nothing else that it takes for a mark."""
    result, end = "", 0
    for code in _CODE.finditer(text):
        result += _plain(text[end : code.start()])
        inside = " ".join((code["double"] or code["single"]).split())
        link = _links().get(inside)
        result += f":py:obj:`{inside} <{link}>`" if link else f"``{inside}``"
        end = code.end()
        if text[end : end + 1].isalnum() or text[end : end + 1] == "(":
            result += "\\ "  # A mark ends before a space.
    return result + _plain(text[end:])


@functools.cache
def _links() -> dict[str, str]:
    """The public names that reference pages show, by their last part where one alone has it."""
    pages = sorted((Path(__file__).parents[1] / "reference").glob("*.md"))
    shown = re.findall(
        r"^\.\. \S+:: (\S+)$",
        "\n".join(page.read_text(encoding="utf-8") for page in pages),
        re.MULTILINE,
    )
    last = collections.Counter(name.rpartition(".")[2] for name in shown)
    return {
        part: name
        for name in shown
        if last[part := name.rpartition(".")[2]] == 1 and part not in _ALSO_METHODS
    }


def _plain(text: str) -> str:
    return re.sub(r"([|\\])|(?<!^)(?<!\n)(?<!\n  )(\*)|(?<=\w)(_)(?!\w)", r"\\\g<0>", text)


def _fields(thing: Any) -> list[str]:
    """A configuration's fields, each with its own help and default."""
    if not dataclasses.is_dataclass(thing):
        return []
    lines = []
    for field in dataclasses.fields(thing):
        if text := field.metadata.get("help"):
            lines.append(f"- `{field.name}`: {text} By default `{field.default!r}`.")
    return ["", "The fields:", "", *lines, ""] if lines else []
