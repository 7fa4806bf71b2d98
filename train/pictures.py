"""Pictures and animations: made visible, encoded, and written complete or not at all."""

import io
import os
from collections.abc import Callable, Sequence

import numpy as np

from tfglow.whole_files import replace_file


def grey_or_rgb(images: np.ndarray) -> np.ndarray:
    """Images of any number of channels as grey or RGB ones: the first channel, or three."""
    channels = images.shape[-1]
    return images[..., : 3 if channels >= 3 else 1]


def report_missing(valid: np.ndarray, what: str, report: Callable[[str], None] = print) -> None:
    """Says how many images a picture lacks, if any.

    Args:
      valid: bool, which of them there are.
      what: The images, as a plural: "samples at temperature 2".
      report: A function that is called with the sentence.
    """
    missing = int(np.sum(~valid))
    if missing:
        report(
            f"{missing} of {valid.size} {what} are crossed out: so far from the latents of images "
            "the flow's inverse overflows, and there is no image."
        )


def encode_png(picture: np.ndarray) -> bytes:
    """The PNG file of a picture, uint8 `[H, W, C]`."""
    import tensorflow as tf

    return tf.io.encode_png(picture).numpy()


def write_png(path: str | os.PathLike, picture: np.ndarray) -> None:
    """Writes a picture, uint8 `[H, W, C]`."""
    replace_file(path, encode_png(picture))


def write_gif(
    path: str | os.PathLike, frames: Sequence[np.ndarray], milliseconds: int = 120
) -> None:
    """Writes an animation that goes through the frames and back, for ever.

    Args:
      path: The file to write.
      frames: The pictures to show, uint8 `[H, W, C]` each, C of 1 or 3.
      milliseconds: How long each is shown.
    """
    from PIL import Image  # Only animations need it.

    images = [Image.fromarray(f[..., 0] if f.shape[-1] == 1 else f) for f in frames]
    images += images[-2:0:-1]
    file = io.BytesIO()
    images[0].save(
        file,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=milliseconds,
        loop=0,
    )
    replace_file(path, file.getvalue())
