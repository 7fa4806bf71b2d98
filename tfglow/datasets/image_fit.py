"""Brings images of any size to the model's, inside a pipeline."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfglow.datasets.python_calls import python_call
from tfglow.pictures.colours import can_convert, convert_channels
from tfglow.pictures.picture_fit import RESIZES, PictureFit

__all__ = ["DRAWS", "RESIZES", "ImageFit"]

DRAWS = 2  # random numbers that a random crop takes


@dataclasses.dataclass(frozen=True)
class ImageFit:
    """`PictureFit` on tensors: makes images [h, w, c] of any size images [H, W, C].

    Raises:
      ValueError: If `PictureFit` refuses `image_shape` or `resize`.

    Example:
      >>> fit = tfglow.datasets.ImageFit((8, 8, 3), "center_crop")
      >>> fit(tf.zeros([10, 20, 3], tf.uint8), draws=tf.zeros([2])).shape
      TensorShape([8, 8, 3])
      >>> fit.deterministic
      True
    """

    #: (H, W, C) of the result.
    image_shape: tuple[int, int, int]
    #: How: one of `RESIZES`, see `PictureFit`.
    resize: str = "resize"

    def __post_init__(self) -> None:
        PictureFit(self.image_shape, self.resize)

    @property
    def pictures(self) -> PictureFit:
        """The same for arrays."""
        return PictureFit(self.image_shape, self.resize)

    @property
    def deterministic(self) -> bool:
        """Whether an image always gives the same result, so that results can be kept."""
        return self.pictures.deterministic

    def __call__(self, image: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """Fits one image.

        Args:
          image: uint8 [h, w, c]; c must be known.
          draws: The place of a random crop, from the top left, as numbers in [0, 1), float32 [2].

        Returns:
          uint8 [H, W, C].

        Raises:
          ValueError: If c cannot become C.
        """
        source, target = image.shape[-1], self.image_shape[-1]
        if not can_convert(source, target):
            convert_channels(np.zeros([1, 1, source], np.uint8), target)  # Says so.
        if image.shape == self.image_shape:  # known beforehand, and in every mode nothing to do
            return image
        fitted = python_call(self._fit, [image, draws], tf.uint8)
        return tf.ensure_shape(fitted, self.image_shape)

    def _fit(self, image: np.ndarray, draws: np.ndarray) -> np.ndarray:
        return self.pictures.fit(image, (draws[0], draws[1]))
