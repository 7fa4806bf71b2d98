"""An uploaded file as an image of the model's size."""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from serving.demo.body import BadRequest
from tfglow.pictures.kinds import FORMATS
from tfglow.pictures.preparation import Preparation
from tfglow.pictures.reading import decode_picture, is_animation
from tfglow.pictures.unreadable_picture import UnreadablePicture


class FittedUpload(NamedTuple):
    """What became of a file."""

    # uint8 [H, W, C].
    image: np.ndarray
    # Its own height and width.
    size: tuple[int, int]
    # Whether it holds more frames or pages than the one that is read.
    is_animation: bool


def fit_upload(content: bytes, preparation: Preparation, max_pixels: int) -> FittedUpload:
    """The picture in a file's content, read and fitted as training does.

    Args:
      content: The file's bytes.
      preparation: How the model's images are made of files.
      max_pixels: The most pixels that are read, which its header says before they are.

    Raises:
      BadRequest: If it is no picture that can be read, or too large.
    """
    if not content:
        raise BadRequest("the file is empty")
    _check_pixels(content, max_pixels)
    try:
        picture = decode_picture(content, "upload", preparation.image_shape[-1], preparation.white)
    except UnreadablePicture as error:
        raise BadRequest(
            f"the file cannot be read as a picture: {error.reason.rstrip('.')}"
        ) from error
    height, width = picture.shape[:2]
    return FittedUpload(preparation.fit(picture), (height, width), is_animation(content))


def _check_pixels(content: bytes, max_pixels: int) -> None:
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
    except Exception:  # What is wrong with it, `decode_picture` says.
        return
    if width * height > max_pixels:
        raise BadRequest(
            f"the picture has {width} x {height} pixels, at most {max_pixels / 1e6:g} million are "
            "taken",
            413,
        )
