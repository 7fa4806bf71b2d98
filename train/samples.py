"""Grids of a run's samples."""

import numpy as np

from tfglow import Glow
from tfglow.pictures.image_grid import image_grid
from tfglow.runs import RunFolder
from train.pictures import grey_or_rgb, write_png


def sample_grid(
    glow: Glow, num: int, temperature: float, seed: int = 0, columns: int | None = None
) -> np.ndarray:
    """A picture of samples, uint8 `[height, width, C]`.

    The same seed draws the same latents, so that pictures of several epochs and temperatures show
    the same samples growing. A conditional model shows class after class, again and again.
    """
    labels = None
    if glow.config.num_classes:
        labels = np.arange(num, dtype=np.int32) % glow.config.num_classes
        columns = columns or min(glow.config.num_classes, 10)
    images = glow.sample(num, temperature, labels=labels, seed=seed).numpy()
    return image_grid(grey_or_rgb(images), columns)


def write_samples(run: RunFolder, picture: np.ndarray, epoch: int, temperature: float) -> None:
    """Writes a grid of samples into the run's `samples/`."""
    run.samples_dir.mkdir(exist_ok=True)
    name = f"epoch_{epoch:04d}_temperature_{temperature:.2f}.png"
    write_png(run.samples_dir / name, picture)
