"""The file of scores: a row an image."""

import contextlib
import csv
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np

from tfglow.writing import writing
from train.scoring.image_set import Batch


class ScoreTable:
    """Writes `scores.csv`, row by row as they come; to be entered as a context.

    Its columns are `set` ("data" or "anomalies"), `image` (a path, or the number in the split),
    `label`, and all numbers by their names. Paths are written as the system has them, whether they
    are UTF-8 or not.

    Args:
      path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: list[str] | None = None

    def __enter__(self) -> "ScoreTable":
        with writing(self._path):
            self._file = self._path.open(
                "w", encoding="utf-8", errors="surrogateescape", newline=""
            )
            self._rows = csv.writer(self._file, lineterminator="\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            with contextlib.suppress(OSError):  # Where the disk is full, closing fails, too.
                self._file.close()
            return
        with writing(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def write(self, name: str, batch: Batch, values: Mapping[str, np.ndarray]) -> None:
        """Adds the rows of a batch of the set `name`; `values` are `[B]` each.

        Raises:
          UnwritableFile: If the disk is full.
        """
        with writing(self._path):
            if self._names is None:
                self._names = list(values)
                self._rows.writerow(["set", "image", "label", *self._names])
            columns = [values[column] for column in self._names]
            for row, (image, label) in enumerate(zip(batch.names, batch.labels, strict=True)):
                numbers = [f"{column[row]:.8g}" for column in columns]
                self._rows.writerow([name, image, label, *numbers])
