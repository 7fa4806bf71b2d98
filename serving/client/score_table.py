"""A detector's numbers of files, for a terminal and as CSV."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from serving.printable import printable
from tfglow.whole_files import replace_file


def score_table(
    paths: Sequence[Path], columns: Mapping[str, np.ndarray], valid: np.ndarray
) -> Iterator[str]:
    """Lines: the columns' names, then a line a file.

    Args:
      paths: N files.
      columns: Numbers by name, [N] each.
      valid: bool [N]; where it is false, there are no numbers.
    """
    names = [printable(str(path)) for path in paths]
    width = max(map(len, names))
    yield "  ".join([" " * width, *columns])
    for row, name in enumerate(names):
        numbers = [f"{values[row]:.5g}" if valid[row] else "-" for values in columns.values()]
        cells = [n.rjust(len(column)) for n, column in zip(numbers, columns, strict=True)]
        yield "  ".join([name.ljust(width), *cells])


def write_csv(
    path: Path,
    known: Mapping[str, Sequence[object]],
    numbers: Mapping[str, np.ndarray],
    valid: np.ndarray,
) -> None:
    """Writes a row a file: what is known of it, such as its `path`, then its numbers.

    Numbers have the digits that tell them apart, and are left out where a row is not valid. The
    bytes of names that are no UTF-8 are kept.

    Args:
      path: The file to write.
      known: Columns of N values by name.
      numbers: Columns of numbers by name, [N] each.
      valid: bool [N]; where it is false, there are no numbers.

    Raises:
      ValueError: If the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*known, *numbers])
    for row, there in enumerate(valid):
        values = [column[row] if there else "" for column in numbers.values()]
        # As text: `repr` of NumPy's numbers names their type.
        writer.writerow(str(value) for value in (*(c[row] for c in known.values()), *values))
    replace_file(path, text.getvalue().encode("utf-8", "surrogateescape"))
