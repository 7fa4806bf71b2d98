"""Images that a model was not trained on, made of some like those that it was."""

import numpy as np
from PIL import Image, ImageFilter

from tfglow import datasets


def altered_sets(images: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Sets of anomalies, uint8 `[N, H, W, C]` each, by name.

    - `constant`: one level for each channel of an image.
    - `noise`: every value drawn by itself.
    - `blurred`: the images, less sharp (Gaussian, a sixteenth of the height, a pixel at least).
    - `shuffled`: the images with their pixels in another order, each in an order of its own.
    - `digits`: the embedded 8×8 digits, enlarged; only where images are larger.

    Args:
      images: uint8 `[N, H, W, C]`.
      seed: Seed of all that is drawn.
    """
    rng = np.random.default_rng(seed)
    num, height, width, channels = images.shape
    levels = rng.integers(0, 256, [num, 1, 1, channels], np.uint8)
    pixels = images.reshape(num, height * width, channels)
    sets = {
        "constant": np.broadcast_to(levels, images.shape).copy(),
        "noise": rng.integers(0, 256, images.shape, np.uint8),
        "blurred": np.stack([_blurred(image, max(1.0, height / 16)) for image in images]),
        "shuffled": rng.permuted(pixels.view(_pixel_type(channels)), axis=1)
        .view(np.uint8)
        .reshape(images.shape),
    }
    if min(height, width) > 8:
        sets["digits"] = _enlarged_digits(num, (height, width), channels)
    return sets


def pasted(images: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images with a square of another one in them, and where it is, bool `[N, H, W]`.

    The square is a third as high as the image, and comes from another place of the other.
    """
    rng = np.random.default_rng(seed)
    num, height, width, _ = images.shape
    side = max(2, min(height, width) // 3)
    changed, masks = images.copy(), np.zeros(images.shape[:3], bool)
    others = (np.arange(num) + rng.integers(1, num, num)) % num
    for index, other in enumerate(others):
        top, bottom = rng.integers(0, height - side + 1, 2)
        left, right = rng.integers(0, width - side + 1, 2)
        there = (index, slice(top, top + side), slice(left, left + side))
        changed[there] = images[other, bottom : bottom + side, right : right + side]
        masks[there] = True
    return changed, masks


def _pixel_type(channels):
    """A pixel as one element, so that its channels stay together."""
    return np.dtype((np.void, channels))


def _blurred(image, radius):
    """Channel by channel: Pillow has no images of any number of channels."""
    parts = [
        np.asarray(Image.fromarray(part).filter(ImageFilter.GaussianBlur(radius)))
        for part in np.moveaxis(image, -1, 0)
    ]
    return np.stack(parts, axis=-1)


def _enlarged_digits(num, size, channels):
    data = datasets.load("digits", "train", image_shape=(8, 8, 1))
    digits = next(iter(data.batches(num, shuffle=False)))["image"].numpy()[..., 0]
    height, width = size
    large = [
        np.asarray(Image.fromarray(digit).resize((width, height), Image.Resampling.BICUBIC))
        for digit in digits
    ]
    return np.repeat(np.stack(large)[..., None], channels, axis=-1)
