"""The channel by which a convolution sees the image's edge.

It is 1 in the padding of a SAME convolution and 0 inside the image. The official code appends it,
last, to the input of every convolution larger than 1×1.
"""

import numpy as np
import tensorflow as tf

from tfglow.ops import shapes
from tfglow.ops.patches import pad_image, patches, pixels_seen, sum_patches


def edge_patches(x: tf.Tensor, size: int) -> tf.Tensor:
    """The windows of a SAME convolution, with the edge channel, as `patches` has them.

    `[B, H, W, C] → [B, H, W, k·k·(C + 1)]`: the convolution is then one matrix product. Where C is
    small that is faster, above all its gradients.
    """

    # `patches` uses tf.gather, whose gradient is a slow scatter.
    @tf.custom_gradient
    def extract(x):
        return plain_edge_patches(x, size), lambda upstream: sum_patches(upstream, size)[..., :-1]

    return extract(x)


def plain_edge_patches(x: tf.Tensor, size: int) -> tf.Tensor:
    """`edge_patches` without a gradient of its own, which an export does not need."""
    return patches(append_edge_channel(x, size), size)


def append_edge_channel(x: tf.Tensor, size: int) -> tf.Tensor:
    """`x`, padded for a SAME convolution, with the edge channel appended.

    `[B, H, W, C] → [B, H + k - 1, W + k - 1, C + 1]`.
    """
    before, after = _padding(size)
    rows, height, width, _ = shapes.shape_list(x)
    if isinstance(height, int) and isinstance(width, int):
        edge = tf.constant(_seen_edge(height, width, size)[None, :, :, None], x.dtype)
        edge = tf.broadcast_to(edge, [rows, *edge.shape[1:]])
    else:
        edge = pad_image(tf.zeros_like(x[..., :1]), before, after, constant_values=1)
    return tf.concat([pad_image(x, before, after), edge], axis=-1)


def split_edge_kernel(kernel: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A kernel's part for the image and its part for the edge channel.

    `[k, k, C + 1, filters] → [k, k, C, filters], [k, k, 1, filters]`.
    """

    # tf.split's own gradient would hand its axis from one function to another, so that XLA compiled
    # again for every batch.
    @tf.custom_gradient
    def split(kernel):
        parts = tf.split(kernel, [kernel.shape[2] - 1, 1], axis=2)
        return tuple(parts), lambda *gradients: tf.concat(gradients, axis=2)

    return split(kernel)


# The gradients of tf.concat and tf.pad would hand their axis and margins from one function to
# another, too: the two below have their own.


def join_edge_kernel(kernel: tf.Tensor, edge: tf.Tensor) -> tf.Tensor:
    """The reverse of `split_edge_kernel`."""

    @tf.custom_gradient
    def join(kernel, edge):
        joined = tf.concat([kernel, edge], axis=2)
        return joined, lambda upstream: (upstream[:, :, :-1], upstream[:, :, -1:])

    return join(kernel, edge)


def append_inside_channel(x: tf.Tensor) -> tf.Tensor:
    """`x` with one more channel, last, of ones, which SAME padding makes 0 outside the image.

    `[B, H, W, C] → [B, H, W, C + 1]`.
    """
    return tf.custom_gradient(lambda x: (plain_inside_channel(x), lambda u: u[..., :-1]))(x)


def plain_inside_channel(x: tf.Tensor) -> tf.Tensor:
    """`append_inside_channel` without a gradient of its own, which an export does not need."""
    return tf.pad(x, [[0, 0], [0, 0], [0, 0], [0, 1]], constant_values=1)


def edge_response(
    edge_kernel: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor
) -> tf.Tensor:
    """What the edge channel adds to a SAME convolution of images of `[height, width]`.

    Args:
      edge_kernel: The kernel's part for the edge channel, `[k, k, 1, filters]`.
      height: H of the images.
      width: W of the images.

    Returns:
      `[1, H, W, filters]`.
    """
    size, _, _, filters = edge_kernel.shape
    kernel = tf.reshape(edge_kernel, [size * size, filters])
    # What each pixel's window sees of the edge.
    if isinstance(height, int) and isinstance(width, int):
        edge = _seen_edge(height, width, size).reshape(-1)
        windows = tf.constant(edge[pixels_seen(height, width, size)], kernel.dtype)  # [H·W, k·k]
    else:
        inside = tf.zeros([1, height, width, 1], kernel.dtype)
        padded = pad_image(inside, *_padding(size), constant_values=1)
        windows = tf.reshape(patches(padded, size), [-1, size * size])
    return tf.reshape(tf.matmul(windows, kernel), [1, height, width, filters])


def _seen_edge(height: int, width: int, size: int) -> np.ndarray:
    """The edge channel of the padded image, `[H + k - 1, W + k - 1]`."""
    return np.pad(np.zeros([height, width]), _padding(size), constant_values=1.0)


def _padding(size: int) -> tuple[int, int]:
    """Rows before and after the image that SAME adds."""
    before = (size - 1) // 2
    return before, size - 1 - before
