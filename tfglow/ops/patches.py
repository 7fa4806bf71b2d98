"""The windows that a convolution sees, by which it is one matrix product."""

import numpy as np
import tensorflow as tf

from tfglow.ops import shapes


def patches(x: tf.Tensor, size: int) -> tf.Tensor:
    """The windows of a VALID convolution, in the order of a kernel `[k, k, C, filters]`.

    `[B, H + k - 1, W + k - 1, C] → [B, H, W, k·k·C]`.
    """
    _, height, width, channels = shapes.shape_list(x)
    pixels = tf.reshape(x, [-1, height * width, channels])
    height, width = height - size + 1, width - size + 1
    seen = pixels_seen(height, width, size)
    # One gather is faster than k·k slices and their concatenation.
    windows = tf.gather(pixels, _flat(seen), axis=1)  # [B, H·W·k·k, C]
    return tf.reshape(windows, [-1, height, width, size * size * channels])


def sum_patches(windows: tf.Tensor, size: int) -> tf.Tensor:
    """The gradient of `patches` for the image inside the padding, `(k - 1) // 2` pixels before it.

    `[B, H, W, k·k·C] → [B, H, W, C]`.
    """
    taps, before = size * size, (size - 1) // 2
    _, height, width, patch_size = shapes.shape_list(windows)
    channels = patch_size // taps
    # A pixel is seen by the windows around it, by each at the opposite place.
    windows = pad_image(windows, size - 1 - before, before)
    num_pixels = (height + size - 1) * (width + size - 1)
    windows = tf.reshape(windows, [-1, num_pixels * taps, channels])
    places = taps * pixels_seen(height, width, size)[:, ::-1] + np.arange(taps, dtype=np.int32)
    # By place first, so that what is summed are whole tensors.
    by_place = tf.transpose(places) if tf.is_tensor(places) else places.T
    parts = tf.gather(windows, _flat(by_place), axis=1)
    parts = tf.reshape(parts, [-1, taps, height, width, channels])
    return tf.reduce_sum(parts, axis=1)


def pad_image(x: tf.Tensor, before: int, after: int, constant_values: float = 0) -> tf.Tensor:
    """`x` `[B, H, W, C]` with a margin of rows and columns."""
    margins = [[0, 0], [before, after], [before, after], [0, 0]]
    return tf.pad(x, margins, constant_values=constant_values)


def _flat(indices: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
    """`[n · m]` of `[n, m]`; an array stays one."""
    return tf.reshape(indices, [-1]) if tf.is_tensor(indices) else indices.reshape(-1)


def pixels_seen(
    height: int | tf.Tensor, width: int | tf.Tensor, size: int
) -> np.ndarray | tf.Tensor:
    """The pixels of the padded image, counted row by row, in each pixel's window, `[H·W, k·k]`.

    Args:
      height: H of the image without padding.
      width: W of the image without padding.
      size: k.
    """
    # An array where the size is known: one constant to trace, in place of a dozen operations.
    known = isinstance(height, int) and isinstance(width, int)
    arange, reshape = (np.arange, np.reshape) if known else (tf.range, tf.reshape)
    padded_width = width + size - 1

    def pixels(rows, columns):
        return reshape(padded_width * arange(rows)[:, None] + arange(columns), [-1])

    return pixels(height, width)[:, None] + pixels(size, size)
