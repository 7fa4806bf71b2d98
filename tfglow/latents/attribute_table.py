"""Attributes of image files, from a table."""

import codecs
import csv
import functools
import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from tfglow.local_paths import path_text

_WORDS = {"true": 1, "false": -1, "": 0, "nan": 0}
_NUMBERS = {1.0: 1, 0.0: -1, -1.0: -1}
# How much of a line an error quotes.
_QUOTED = 60


class AttributeTable(NamedTuple):
    """Which image files have which attributes."""

    # N file names, as the table has them.
    files: tuple[str, ...]
    # A attributes.
    names: tuple[str, ...]
    # int8 [N, A]: 1 has it, −1 does not, 0 unknown.
    signs: np.ndarray


class _Row(NamedTuple):
    line: int
    cells: list[str]


def read_attribute_table(path: str | os.PathLike) -> AttributeTable:
    """Reads a table of attributes: a header, then a row for each image, with its file name first.

    It is a CSV file, whose header names the column of files too; or of the form of CelebA's
    `list_attr_celeba.txt`: the number of images, the attributes, the rows, with white space between
    their cells.

        file,Smiling,Male             202599
        000001.jpg,1,0                Smiling Male
        000002.jpg,,true              000001.jpg  1 -1

    A CSV may have semicolons or tabs for commas. CelebA's form may lack the number, and may name
    the column of files. A value is 1 or true for an image that has the attribute; 0, −1 or false
    for one that does not; or empty where that is unknown.

    Args:
      path: The file, in UTF-8, or in UTF-16 with its byte order mark.

    Raises:
      ValueError: If the file cannot be read, has no attribute, no image, or another number of
        images than it says; if a row has another number of cells, no file name or another value
        (the line is named and quoted); if an image has two rows; or if
        its cells can be told apart in two ways.

    Example:
      >>> from pathlib import Path
      >>> _ = Path("table.csv").write_text("file,Smiling,Male\\n1.jpg,1,0\\n2.jpg,,true\\n")
      >>> table = tfglow.latents.read_attribute_table("table.csv")
      >>> table.names
      ('Smiling', 'Male')
      >>> table.signs
      array([[ 1, -1],
             [ 0,  1]], dtype=int8)
    """
    path = path_text(path, "The table")
    lines = [line for line in enumerate(_lines(path), 1) if line[1].strip()]
    count = int(lines.pop(0)[1]) if lines and lines[0][1].strip().isdecimal() else None
    names, rows = _names_and_rows(path, lines)
    if not names or not rows:
        raise ValueError(
            f"The table {path!r} needs a header with the name of an attribute after that of the "
            "files' column, and a row an image."
        )
    for name in names:
        if not name or names.count(name) > 1:
            raise ValueError(
                f"The header of the table {path!r} must name every attribute once, got {name!r} "
                f"{names.count(name)} times."
            )
    files: dict[str, int] = {}  # With their lines.
    signs = []
    for row in rows:
        _check_cells(path, row, len(names) + 1)
        name = row.cells[0]
        if name in files:
            raise ValueError(
                f"Lines {files[name]} and {row.line} of the table {path!r} are both of the image "
                f"{name!r}: leave one."
            )
        files[name] = row.line
        signs.append(_signs(path, row))
    if count not in (None, len(files)):
        raise ValueError(
            f"The table {path!r} has {len(files)} images, its first line says {count}: it is not "
            "whole, or the number is to be changed."
        )
    return AttributeTable(tuple(files), tuple(names), np.array(signs, np.int8))


def _lines(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            content = file.read()
        marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        text = content.decode("utf-16" if content.startswith(marks) else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"Cannot read the table {path!r}: {reason}.") from error
    return re.split(r"\r\n|\r|\n", text)


def _names_and_rows(path: str, lines: list[tuple[int, str]]) -> tuple[list[str], list[_Row]]:
    """The attributes, and the rows of images, told apart by what the header has."""
    header = lines[0][1] if lines else ""
    for separator in (",", ";"):
        if separator in header:
            return _without_header(list(_csv_rows(path, lines, separator)), of_csv=True)
    by_space = [_Row(line, text.split()) for line, text in lines]
    by_tab = list(_csv_rows(path, lines, "\t")) if "\t" in header else by_space
    if by_tab == by_space or not _fits(by_tab):
        return _without_header(by_space)
    if not _fits(by_space):
        return _without_header(by_tab)
    raise ValueError(
        f"The cells of the table {path!r} can be told apart by tabs or by spaces, with other "
        "results: put commas between them."
    )


def _csv_rows(path: str, lines: list[tuple[int, str]], separator: str) -> Iterator[_Row]:
    reader = csv.reader((f"{text}\n" for _, text in lines), delimiter=separator)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _Row(lines[reader.line_num - 1][0], [cell.strip() for cell in cells])
    except csv.Error as error:
        raise ValueError(f"Cannot read the table {path!r}: {error}.") from error


def _without_header(rows: list[_Row], of_csv: bool = False) -> tuple[list[str], list[_Row]]:
    if len(rows) < 2:
        return [], []
    (_, names), *rows = rows
    # CelebA's header has no name for the files' column: its rows have a cell more.
    widths = [len(row.cells) - len(names) for row in rows]
    lacks_files = not of_csv and widths.count(1) >= max(1, widths.count(0))
    return names if lacks_files else names[1:], rows


def _fits(rows: list[_Row]) -> bool:
    """Whether all rows have as many cells, as many as the header or one more, and signs in them."""
    widths = {len(row.cells) for row in rows[1:]}
    if len(widths) != 1 or widths.pop() - len(rows[0].cells) not in (0, 1):
        return False
    return all(_sign(cell) is not None for row in rows[1:] for cell in row.cells[1:])


def _check_cells(path: str, row: _Row, expected: int) -> None:
    where = f"Line {row.line} of the table {path!r}"
    if len(row.cells) != expected:
        raise ValueError(
            f"{where} has {len(row.cells)} cells, its header has {expected} with that of the "
            f"files: {_quoted(row.cells)}."
        )
    if not row.cells[0]:
        raise ValueError(f"{where} has no file name: {_quoted(row.cells)}.")


def _quoted(cells: Iterable[str]) -> str:
    text = " ".join(cells)
    return repr(text if len(text) <= _QUOTED else f"{text[:_QUOTED]}...")


def _signs(path: str, row: _Row) -> list[int]:
    signs = [_sign(cell) for cell in row.cells[1:]]
    if None in signs:
        raise ValueError(
            f"Line {row.line} of the table {path!r} has the value "
            f"{row.cells[1 + signs.index(None)]!r}: expected 1 or true, 0, -1 or false, or nothing."
        )
    return [sign for sign in signs if sign is not None]


@functools.lru_cache(maxsize=1024)
def _sign(cell: str) -> int | None:
    """What a cell says; None if it is no value."""
    word = cell.lower()
    try:
        return _WORDS[word] if word in _WORDS else _NUMBERS.get(float(word))
    except ValueError:
        return None
