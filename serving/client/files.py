"""Image files and latent files, read and written; what is written is whole or not there."""

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tfglow.array_files import read_arrays
from tfglow.local_paths import check_local_path
from tfglow.pictures.preparation import Preparation
from tfglow.pictures.reading import picture_shape
from tfglow.pictures.unreadable_picture import UnreadablePicture
from tfglow.whole_files import replace_file

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def read_images(
    paths: Sequence[Path],
    shape: Sequence[int],
    resize: bool,
    preparation: Preparation | None = None,
) -> np.ndarray:
    """Reads image files as training does; without `resize`, one of another size by its header only.

    Args:
      paths: N files.
      shape: Height, width and channels of the model's images; colours are converted.
      resize: Whether images of other sizes are fitted.
      preparation: How the model's images were made; by default as `Preparation` has it.

    Returns:
      uint8 [N, H, W, C].

    Raises:
      ValueError: If files cannot be read (all are named), one is a URL or has another size without
        `resize`, or no image file has the model's number of channels.
    """
    height, width, channels = shape
    check_channels(channels)
    preparation = preparation or Preparation((height, width, channels))
    images, errors = [], []
    for path in paths:
        check_local_path(path, "The image file")
        try:
            found = picture_shape(path)[:2]
            # Turned by a note that stands after the pixels, it may fit yet.
            if resize or sorted(found) == sorted((height, width)):
                image = preparation.read(path)
                found = image.shape[:2]
        except UnreadablePicture as error:
            errors.append(f"cannot read {path} as an image: {error.reason.rstrip('.')}")
            continue
        if resize or found == (height, width):
            images.append(preparation.fit(image))
        else:
            errors.append(
                f"{path} is {found[1]}x{found[0]}, the model's images are {width}x{height}; "
                "`--resize` fits it"
            )
    if errors:
        raise ValueError("; ".join(errors))
    return np.stack(images)


def check_picture_path(path: Path) -> None:
    """Refuses a path that no picture can be written to, before any work is done for it."""
    if path.suffix.lower() not in Image.registered_extensions():
        raise ValueError(f"{path} does not end in an image format's name, such as .png")
    check_file_to_write(path)


def check_channels(channels: int) -> None:
    """Refuses images that no image file holds."""
    _mode(channels)


def make_folder(path: Path) -> None:
    """Makes a folder and those above it, where they are not there.

    Raises:
      ValueError: If that cannot be done.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make the folder {path}: {error.strerror}") from error


def check_file_to_write(path: Path) -> None:
    """Refuses a path whose folder does not exist, what is there and is no file, and a URL."""
    check_local_path(path, "The file to write")
    if os.path.exists(path) and not os.path.isfile(path):
        # It would be replaced: a device or a pipe, where the user may do that, is then gone.
        raise ValueError(f"cannot write {path}: it is there, and is not a file")
    if not path.parent.is_dir():
        raise ValueError(f"the folder of {path} does not exist")


def save_picture(picture: np.ndarray, path: Path) -> None:
    """Writes a picture, uint8 [H, W, C], in the format that the path's ending names."""
    image = as_image(picture)
    image_format = Image.registered_extensions()[path.suffix.lower()]
    file = io.BytesIO()
    image.save(file, image_format)
    replace_file(path, file.getvalue())


def as_image(picture: np.ndarray) -> Image.Image:
    """A picture, uint8 [H, W, C], as Pillow's.

    Raises:
      ValueError: If no image file holds so many channels.
    """
    channels = picture.shape[-1]
    return Image.fromarray(picture[..., 0] if channels == 1 else picture, _mode(channels))


def read_latents(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Reads a `.npz` file with `latent` [N, D] and perhaps `label` [N], or a `.npy` of latents.

    Returns:
      The latents, and the labels or None.

    Raises:
      ValueError: If the file is neither of the two, is damaged or too large, or has no `latent`.
    """
    check_local_path(path, "The file of latents")
    loaded = read_arrays(path, ("latent", "label"))
    if isinstance(loaded, np.ndarray):
        return loaded, None
    if "latent" not in loaded:
        raise ValueError(f"{path} has no array `latent`")
    return loaded["latent"], loaded.get("label")


def save_latents(path: Path, **arrays: np.ndarray) -> None:
    """Writes a `.npz` file of the arrays, by their names."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    replace_file(path, file.getvalue())


def _mode(channels: int) -> str:
    if channels not in _MODES:
        raise ValueError(f"an image file holds 1 to 4 channels, the model's images have {channels}")
    return _MODES[channels]
