"""Brings images of any size to the model's."""

import dataclasses
import numbers

import tensorflow as tf

from tfglow.datasets.channels import convert_channels

RESIZES = ("resize", "center_crop", "random_crop")

# Short side of a resized image over that of the random crop from it: 96 pixels for crops of 64, as
# for LSUN in RealNVP (Dinh et al. 2017, section 4.1) and Glow.
RANDOM_CROP_MARGIN = 1.5

DRAWS = 2  # random numbers that a random crop takes


@dataclasses.dataclass(frozen=True)
class ImageFit:
    """Makes images [h, w, c] of any size images [H, W, C].

    `resize`
      One of
      - "resize": scales height and width, each by its own factor, to H and W;
      - "center_crop": scales both by the one factor, max(H/h, W/w), that makes the image just
        cover H x W, and keeps the middle;
      - "random_crop": if the image is larger than 1.5 H x 1.5 W in both directions, scales it
        down, both by one factor, until it just covers that; if it does not cover H x W, scales it
        up as "center_crop" does; then keeps H x W pixels from a random place.

    Shrinking averages the pixels under each new pixel (a box filter, as low-resolution benchmark
    sets such as ImageNet 32x32 were made); enlarging interpolates linearly. Values are rounded.
    Grey and RGB are converted first, see `convert_channels`.

    Raises:
      ValueError: If `image_shape` or `resize` is not as described.
    """

    # (H, W, C) of the result.
    image_shape: tuple[int, int, int]
    # How: one of `RESIZES`.
    resize: str = "resize"

    def __post_init__(self) -> None:
        shape = self.image_shape
        if len(shape) != 3 or not all(isinstance(n, numbers.Integral) and n > 0 for n in shape):
            raise ValueError(f"`image_shape` must be three positive integers, got {shape}.")
        if self.resize not in RESIZES:
            known = ", ".join(map(repr, RESIZES))
            raise ValueError(f"`resize` must be one of {known}, got {self.resize!r}.")

    @property
    def deterministic(self) -> bool:
        """Whether an image always gives the same result, so that results can be kept."""
        return self.resize != "random_crop"

    def __call__(self, image: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """Fits one image.

        Args:
          image: uint8 [h, w, c]; c must be known.
          draws: The place of a random crop, from the top left, as numbers in [0, 1), float32 [2].

        Returns:
          uint8 [H, W, C].
        """
        image = convert_channels(image, self.image_shape[-1])
        if image.shape == self.image_shape:  # known beforehand, and in every mode nothing to do
            return image
        if self.resize == "resize":
            image = _scale(image, tf.constant(self.image_shape[:2]))
        else:
            image = _scale(image, self._covering_size(image))
            image = self._crop(image, draws)
        return tf.ensure_shape(image, self.image_shape)

    def _covering_size(self, image: tf.Tensor) -> tf.Tensor:
        """The size, int32 [2], to scale to before cropping."""
        size = tf.shape(image)[:2]
        box = tf.constant(self.image_shape[:2])
        factor = tf.reduce_max(tf.cast(box, tf.float64) / tf.cast(size, tf.float64))
        if self.resize == "random_crop":
            factor = tf.maximum(factor, tf.minimum(RANDOM_CROP_MARGIN * factor, 1.0))
        scaled = tf.cast(tf.round(tf.cast(size, tf.float64) * factor), tf.int32)
        return tf.maximum(scaled, box)

    def _crop(self, image: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        height, width, channels = self.image_shape
        spare = tf.shape(image)[:2] - [height, width]
        if self.resize == "center_crop":
            offset = spare // 2
        else:
            offset = tf.cast(draws * tf.cast(spare + 1, tf.float32), tf.int32)
        begin = tf.concat([offset, [0]], axis=0)
        return tf.slice(image, begin, [height, width, channels])


def _scale(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """The image [h, w, C] scaled to `size`, uint8; unchanged where it has that size."""
    now = tf.shape(image)[:2]

    def scaled() -> tf.Tensor:
        pixels = tf.cond(
            tf.reduce_all(size <= now),
            lambda: tf.image.resize(image, size, method="area"),
            lambda: tf.image.resize(image, size, method="bilinear", antialias=True),
        )
        return tf.saturate_cast(tf.round(pixels), tf.uint8)

    return tf.cond(tf.reduce_all(size == now), lambda: image, scaled)
