"""Attributes of image files, from a CSV table."""

import csv
import os
from typing import NamedTuple

import numpy as np

_SIGNS = {"1": 1, "true": 1, "-1": -1, "0": -1, "false": -1, "": 0}


class AttributeTable(NamedTuple):
    """Which image files have which attributes."""

    # N file names, as the table has them.
    files: tuple[str, ...]
    # A attributes.
    names: tuple[str, ...]
    # int8 [N, A]: 1 has it, −1 does not, 0 unknown.
    signs: np.ndarray


def read_attribute_table(path: str | os.PathLike) -> AttributeTable:
    """Reads a CSV file: a header, then one row for each image, with its file name first.

    A value is 1 or true for an image that has the attribute; 0, −1 or false for one that does not;
    or empty where that is unknown.

    Raises:
      ValueError: If the file cannot be read, has no attribute or no image, or a value is another.
    """
    path = os.fspath(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [(row, cells) for row, cells in enumerate(csv.reader(file), 1) if cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"Cannot read the table {path!r}: {reason}.") from error
    if len(rows) < 2 or len(rows[0][1]) < 2:
        raise ValueError(
            f"The table {path!r} needs a header with the name of an attribute after that of the "
            "files' column, and a row an image."
        )
    names = [name.strip() for name in rows[0][1][1:]]
    files, signs = [], []
    for row, cells in rows[1:]:
        if len(cells) != len(names) + 1:
            raise ValueError(
                f"Line {row} of the table {path!r} has {len(cells)} cells, its header has "
                f"{len(names) + 1}."
            )
        files.append(cells[0].strip())
        signs.append([_sign(path, row, cell) for cell in cells[1:]])
    return AttributeTable(tuple(files), tuple(names), np.array(signs, np.int8))


def _sign(path, row, cell):
    if cell.strip().lower() not in _SIGNS:
        raise ValueError(
            f"Line {row} of the table {path!r} has the value {cell!r}: expected 1 or true, 0, -1 "
            "or false, or nothing."
        )
    return _SIGNS[cell.strip().lower()]
