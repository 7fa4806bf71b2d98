"""Grids of a run's samples."""

from collections.abc import Callable, Sequence

import numpy as np

from tfglow import Glow
from tfglow.pictures.labelled_grid import labelled_grid
from tfglow.runs import RunFolder
from tfglow.writing import writing
from train.pictures import grey_or_rgb, report_missing, write_png


def sample_grid(
    glow: Glow,
    num: int,
    temperature: float,
    seed: int = 0,
    class_names: Sequence[str] = (),
    report: Callable[[str], None] = print,
) -> np.ndarray:
    """A picture of samples, uint8 `[height, width, C]`.

    The same seed draws the same latents, so that pictures of several epochs and temperatures show
    the same samples growing. A conditional model shows class after class, again and again; where
    each of at most ten has a column, its name stands above.

    Args:
      glow: The model.
      num: How many samples to draw.
      temperature: Their temperature.
      seed: The seed of their latents.
      class_names: What the labels stand for; by default their numbers.
      report: A function that is called with a sentence if some samples have no image.
    """
    labels, columns, names = None, None, []
    num_classes = glow.config.num_classes
    if num_classes:
        labels = np.arange(num, dtype=np.int32) % num_classes
        columns = min(num_classes, 10)
        if num_classes == columns:
            names = list(class_names or map(str, range(num_classes)))[:num]
    latents = glow.sample_latents(num, temperature, seed)
    images, valid = (output.numpy() for output in glow.decode_with_valid(latents, labels))
    report_missing(valid, f"samples at temperature {temperature:g}", report)
    return labelled_grid(grey_or_rgb(images), columns, column_labels=names, valid=valid)


def write_samples(run: RunFolder, picture: np.ndarray, epoch: int, temperature: float) -> None:
    """Writes a grid of samples into the run's `samples/`."""
    with writing(run.samples_dir):
        run.samples_dir.mkdir(exist_ok=True)
    name = f"epoch_{epoch:04d}_temperature_{temperature:.2f}.png"
    write_png(run.samples_dir / name, picture)
