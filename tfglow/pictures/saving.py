"""Many images as one file."""

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tfglow.local_paths import check_local_path
from tfglow.pictures.labelled_grid import labelled_grid
from tfglow.whole_files import replace_file

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def save_grid(
    path: str | os.PathLike,
    images: np.ndarray,
    columns: int | None = None,
    *,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    enlarge: int | None = None,
    valid: np.ndarray | None = None,
) -> None:
    """Writes images as one PNG file, in rows that may have names; see `labelled_grid`.

    It is there complete or not at all.

    Args:
      path: The file, whose name ends in .png.
      images: uint8 `[N, H, W, C]`, C from 1 to 4; TensorFlow's tensors too.
      columns: The most images in a row; by default as many as make the grid about square.
      row_labels: A name for each row; by default none.
      column_labels: A name for each column; by default none.
      enlarge: How often each pixel is repeated; by default often enough to see small images.
      valid: bool `[N]`: what is not is crossed out, as for `image_grid`.

    Raises:
      ValueError: If the name has another ending, `labelled_grid` refuses, or the file cannot be
        written.

    Example:
      >>> from tfglow.pictures import save_grid
      >>> from tfglow.pictures.reading import picture_shape
      >>> save_grid("samples.png", glow.sample(16, temperature=0.7), columns=8)
      >>> picture_shape("samples.png")
      (102, 402, 1)
    """
    path = Path(check_local_path(path, "`path`"))
    if path.suffix.lower() != ".png":
        raise ValueError(f"`path` must end in .png, got {str(path)!r}.")
    grid = labelled_grid(
        np.asarray(images),
        columns,
        row_labels=row_labels,
        column_labels=column_labels,
        enlarge=enlarge,
        valid=valid,
    )
    channels = grid.shape[-1]
    file = io.BytesIO()
    image = Image.fromarray(grid[..., 0] if channels == 1 else grid, _MODES[channels])
    image.save(file, "PNG", optimize=True)
    replace_file(path, file.getvalue())
