"""The numbers of a batch."""

import numpy as np
import tensorflow as tf

from tfglow import Glow
from tfglow.scoring.calibration import Calibration
from tfglow.scoring.statistics import statistics_function
from train.scoring.image_set import Batch


class Scorer:
    """Statistics, and once calibrated scores and p-values, of batches of images.

    Each function is traced once: a batch with fewer images is filled up.

    Args:
      glow: The model.
      batch_size: B, the images at a time, at most.
      num_draws: Draws of the dequantisation noise for an image.
      seed: Seed of the noise.
    """

    def __init__(self, glow: Glow, *, batch_size: int, num_draws: int = 1, seed: int = 0) -> None:
        self._batch_size = batch_size
        self._num_draws = num_draws
        self._statistics = statistics_function(glow, num_draws, seed)
        self._apply: tf.types.experimental.PolymorphicFunction | None = None

    def calibrate(self, calibration: Calibration) -> None:
        """From now on there are scores and p-values, too."""
        self._apply = tf.function(calibration.apply, autograph=False)

    def __call__(self, batch: Batch) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Numbers `[b]` by name, and the nats of each pixel, float32 `[b, H, W]`."""
        size = len(batch.images)
        missing = self._batch_size - size
        images = tf.constant(_filled_up(batch.images, missing))
        labels = None if batch.classes is None else tf.constant(_filled_up(batch.classes, missing))
        statistics, places = self._statistics(images, labels)
        if self._apply is not None:
            statistics = {**statistics, **self._apply(statistics)}
        values = {name: value.numpy()[:size] for name, value in statistics.items()}
        if self._num_draws == 1:
            del values["bits_per_dim_error"]  # One draw has none.
        return values, places.numpy()[:size]


def _filled_up(values: np.ndarray, missing: int) -> np.ndarray:
    """Repeats the last row, in which there is then nothing unusual."""
    return np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])
