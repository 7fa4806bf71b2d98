"""Image files in, grids and arrays out; what is written is complete or not there."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

# About so many pixels a side has an image in a grid of samples, unless it has more.
_READABLE_SIZE = 48


def read_images(paths: Sequence[Path], shape: Sequence[int], resize: bool) -> np.ndarray:
    """The files as uint8 [N, H, W, C] of the model's `shape`.

    `resize` cuts the largest centred part of the right proportions and scales it.

    Raises:
      ValueError: a file that is no image, or has another size without `resize`.
    """
    height, width, channels = shape
    images = []
    for path in paths:
        try:
            with Image.open(path) as opened:
                image = ImageOps.exif_transpose(opened).convert(_mode(channels))
        except (OSError, Image.DecompressionBombError) as error:
            raise ValueError(f"cannot read {path} as an image: {error}") from error
        if image.size != (width, height):
            if not resize:
                raise ValueError(
                    f"{path} is {image.width}x{image.height}, the model's images are "
                    f"{width}x{height}; `--resize` fits it"
                )
            image = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        images.append(np.asarray(image, np.uint8).reshape(height, width, channels))
    return np.stack(images)


def grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """One picture [rows·(H + 1) − 1, columns·(W + 1) − 1, C] of `images`, row by row.

    As square as can be without `columns`; a line of white between images, black where one lacks.
    """
    number, height, width, channels = images.shape
    columns = min(number, columns or math.ceil(math.sqrt(number)))
    rows = math.ceil(number / columns)
    picture = np.full((rows * (height + 1), columns * (width + 1), channels), 255, np.uint8)
    for place in range(rows * columns):
        top, left = place // columns * (height + 1), place % columns * (width + 1)
        image = images[place] if place < number else 0
        picture[top : top + height, left : left + width] = image
    return picture[:-1, :-1]


def enlarged(images: np.ndarray) -> np.ndarray:
    """Images with each pixel repeated, so that small ones can be seen: to about 48 pixels."""
    times = max(1, round(_READABLE_SIZE / max(images.shape[1:3])))
    return images.repeat(times, axis=1).repeat(times, axis=2)


def check_picture_path(path: Path) -> None:
    """Refuses a path that a picture cannot be written to, before any work is done for it."""
    if path.suffix.lower() not in Image.registered_extensions():
        raise ValueError(f"{path} does not end in an image format's name, such as .png")
    check_folder(path)


def check_folder(path: Path) -> None:
    """Refuses a path in a folder that does not exist."""
    if not path.parent.is_dir():
        raise ValueError(f"the folder of {path} does not exist")


def save_picture(picture: np.ndarray, path: Path) -> None:
    """Writes a picture [H, W, C] in the format that the name ends in."""
    channels = picture.shape[-1]
    image = Image.fromarray(picture[..., 0] if channels == 1 else picture, _mode(channels))
    image_format = Image.registered_extensions()[path.suffix.lower()]
    write_whole(path, lambda file: image.save(file, image_format))


def write_whole(path: Path, write: Callable) -> None:
    """Lets `write` fill a file beside `path`, then moves it there.

    Raises:
      ValueError: a place where nothing can be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            write(file)
        os.replace(unfinished, path)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _mode(channels: int) -> str:
    if channels not in _MODES:
        raise ValueError(f"pictures have 1 to 4 channels, the model's have {channels}")
    return _MODES[channels]
