"""How a file becomes a model's image, as a record that travels with the model."""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfglow.pictures.deep_samples import check_white
from tfglow.pictures.picture_fit import PictureFit
from tfglow.pictures.reading import read_picture


@dataclasses.dataclass(frozen=True)
class Preparation:
    """What training does to a picture file, so that others can do the same.

    Raises:
      ValueError: If `PictureFit` refuses `image_shape` or `resize`, or `white` is no such value.

    Example:
      >>> from tfglow.pictures.preparation import Preparation
      >>> Preparation((8, 8, 3), resize="center_crop", num_bits=5)
      Preparation(image_shape=(8, 8, 3), resize='center_crop', white=None, num_bits=5)
    """

    #: (H, W, C) of the model's images.
    image_shape: tuple[int, int, int]
    #: How pictures of other sizes are fitted, see `PictureFit`; random crops are from the middle.
    resize: str = "resize"
    #: The value of white in samples of more than 8 bits, see `read_picture`.
    white: int | None = None
    #: The bits of a pixel that the model sees, from the highest.
    num_bits: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_shape", tuple(self.image_shape))
        PictureFit(self.image_shape, self.resize)
        object.__setattr__(self, "white", check_white(self.white))

    @classmethod
    def of_run(cls, config: Mapping[str, Any]) -> "Preparation | None":
        """That of a run by its configuration; None if that does not say it."""
        if "resize" not in config:
            return None
        model = config["model"]
        return cls(
            model["image_shape"], config["resize"], config.get("white"), model.get("num_bits", 8)
        )

    def read(self, path: str | os.PathLike) -> np.ndarray:
        """A file as it is in the file, in the model's channels: uint8 `[h, w, C]`.

        Raises:
          UnreadablePicture: If it cannot be read.
        """
        return read_picture(path, self.image_shape[-1], self.white)

    def fit(self, picture: np.ndarray) -> np.ndarray:
        """A picture `[h, w, C]` in the model's size, uint8 `[H, W, C]`."""
        return PictureFit(self.image_shape, self.resize).fit(picture)

    def to_json(self) -> str:
        """One line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> "Preparation":
        """What `to_json` wrote; keys that are not known here are passed over.

        Raises:
          ValueError: If it is something else.
        """
        try:
            values = json.loads(text)
            known = {field.name for field in dataclasses.fields(cls)}
            return cls(**{name: value for name, value in values.items() if name in known})
        except (TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{text!r} does not say how pictures are made: {error}") from error


def top_bits(images: np.ndarray, num_bits: int) -> np.ndarray:
    """What a model of so many bits sees of uint8 images: the others are 0.

    Args:
      images: uint8, of any shape.
      num_bits: How many bits, from the highest, are kept: 1 to 8.

    Example:
      >>> from tfglow.pictures.preparation import top_bits
      >>> top_bits(np.array([7, 8, 255], np.uint8), num_bits=5)
      array([  0,   8, 248], dtype=uint8)
    """
    return images & np.uint8(256 - 2 ** (8 - num_bits))
