"""Brings pictures of any size to a model's."""

import dataclasses
import numbers

import numpy as np

from tfglow.pictures.colours import convert_channels
from tfglow.pictures.scaling import scale

RESIZES = ("resize", "center_crop", "random_crop")

# Short side of a resized image over that of the random crop from it: 96 pixels for crops of 64, as
# for LSUN in RealNVP (Dinh et al. 2017, section 4.1) and Glow.
RANDOM_CROP_MARGIN = 1.5

# The place of a random crop where nothing is drawn: the middle.
MIDDLE = (0.5, 0.5)


@dataclasses.dataclass(frozen=True)
class PictureFit:
    """Makes pictures `[h, w, c]` of any size images `[H, W, C]`.

    `resize` is one of
      - "resize": scales height and width, each by its own factor, to H and W;
      - "center_crop": scales both by the one factor, max(H/h, W/w), that makes the picture just
        cover H x W, and keeps the middle;
      - "random_crop": if the picture is larger than 1.5 H x 1.5 W in both directions, scales it
        down, both by one factor, until it just covers that; if it does not cover H x W, scales it
        up as "center_crop" does; then keeps H x W pixels from a random place, or from the middle.

    Scaling is that of `scale`. Grey and RGB are converted first, see `convert_channels`.

    Raises:
      ValueError: If `image_shape` or `resize` is not as described.

    Example:
      >>> from tfglow.pictures.picture_fit import PictureFit
      >>> PictureFit((8, 8, 3), "center_crop").fit(np.zeros([10, 20, 3], np.uint8)).shape
      (8, 8, 3)
    """

    #: (H, W, C) of the result.
    image_shape: tuple[int, int, int]
    #: How: one of `RESIZES`.
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

    def fit(self, picture: np.ndarray, place: tuple[float, float] = MIDDLE) -> np.ndarray:
        """Fits one picture.

        Args:
          picture: uint8 `[h, w, c]`.
          place: Where a random crop is taken from, down and across, as numbers in [0, 1).

        Returns:
          uint8 `[H, W, C]`.
        """
        height, width, channels = self.image_shape
        picture = convert_channels(picture, channels)
        if self.resize == "resize" or picture.shape[:2] == (height, width):
            return scale(picture, (height, width))
        size = self._covering_size(*picture.shape[:2])
        spare = size[0] - height, size[1] - width
        if self.resize == "center_crop":
            top, left = spare[0] // 2, spare[1] // 2
        else:
            # In float32, as the numbers were drawn.
            top, left = (
                int(np.float32(drawn) * np.float32(count + 1))
                for drawn, count in zip(place, spare, strict=True)
            )
        return scale(picture, size, slice(top, top + height), slice(left, left + width))

    def _covering_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width to scale to before cropping."""
        box = self.image_shape[:2]
        factor = max(box[0] / height, box[1] / width)
        if self.resize == "random_crop":
            factor = max(factor, min(RANDOM_CROP_MARGIN * factor, 1.0))
        return max(box[0], round(height * factor)), max(box[1], round(width * factor))
