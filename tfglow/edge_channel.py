"""Convolutions that see the image's edge.

Their input has one more channel, last, that is 1 in the padding of a SAME convolution and 0 inside
the image. The official code appends it wherever a kernel is larger than 1×1.
"""

from collections.abc import Callable

import tensorflow as tf

from tfglow import shapes
from tfglow.patches import are_faster, pad_image, patches, sum_patches
from tfglow.pixelwise import sum_rows


def edge_conv2d(
    x: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    activation: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """activation(conv([x, edge], kernel) + bias), `[B, H, W, C] → [B, H, W, filters]`.

    For inputs of few channels: the gradients are matrix products with patches, which are faster
    than a convolution's.

    Args:
      x: `[B, H, W, C]`.
      kernel: `[k, k, C + 1, filters]`.
      bias: `[filters]`.
      activation: Elementwise.
    """
    size, _, channels, filters = kernel.shape
    height, width = shapes.shape_list(x)[1:3]

    @tf.custom_gradient
    def run(x, kernel, bias):
        seen = append_edge_channel(x, size)
        weight = tf.reshape(kernel, [size * size * channels, filters])
        # Convolution or product, bias and activation in a row run as one operation.
        if are_faster(kernel):
            rows = patches(seen, size)
            y = tf.matmul(rows, weight)
        else:
            rows = None
            y = tf.nn.conv2d(seen, kernel, strides=1, padding="VALID")
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            pre_activation = tf.nn.bias_add(y, bias)
            tape.watch(pre_activation)
            y = activation(pre_activation)

        def gradient(upstream):
            upstream = tape.gradient(y, pre_activation, tf.reshape(upstream, tf.shape(y)))
            upstream = tf.reshape(upstream, [-1, filters])
            inputs = patches(seen, size) if rows is None else rows
            of_rows = tf.matmul(upstream, weight, transpose_b=True)
            of_seen = sum_patches(of_rows, size, height, width)
            of_weight = tf.matmul(inputs, upstream, transpose_a=True)
            return of_seen[..., :-1], tf.reshape(of_weight, kernel.shape), sum_rows(upstream)

        return tf.reshape(y, [-1, height, width, filters]), gradient

    return run(x, kernel, bias)


def append_edge_channel(x: tf.Tensor, size: int) -> tf.Tensor:
    """`x`, padded for a SAME convolution, and the edge channel.

    `[B, H, W, C] → [B, H + k - 1, W + k - 1, C + 1]`.
    """
    edge = pad_image(tf.zeros_like(x[..., :1]), *_padding(size), constant_values=1)
    return tf.concat([pad_image(x, *_padding(size)), edge], axis=-1)


def split_edge_kernel(kernel: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A kernel's part for the image and its part for the edge channel.

    `[k, k, C + 1, filters] → [k, k, C, filters], [k, k, 1, filters]`.
    """

    # A slice's gradient pads each part to the whole and adds the two. (And tf.split's would hand
    # its axis from one function to another, so that XLA compiled again for every batch.)
    @tf.custom_gradient
    def split(kernel):
        parts = kernel[:, :, :-1], kernel[:, :, -1:]
        return parts, lambda *gradients: tf.concat(gradients, axis=2)

    return split(kernel)


def edge_response(edge_kernel: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """What the edge channel adds to a SAME convolution.

    Args:
      edge_kernel: `[k, k, 1, filters]`.
      x: The convolution's input, `[B, H, W, C]`, of which only the shape matters.

    Returns:
      `[1, H, W, filters]`.
    """
    size, _, _, filters = edge_kernel.shape
    height, width = shapes.shape_list(x)[1:3]
    inside = tf.zeros([1, height, width, 1], edge_kernel.dtype)
    # What each pixel's window sees of the edge, a constant where H and W are.
    windows = patches(pad_image(inside, *_padding(size), constant_values=1), size)  # [H·W, k·k]
    response = tf.matmul(windows, tf.reshape(edge_kernel, [size * size, filters]))
    return tf.reshape(response, [1, height, width, filters])


def _padding(size):
    """Rows before and after the image that SAME adds."""
    before = (size - 1) // 2
    return before, size - 1 - before
