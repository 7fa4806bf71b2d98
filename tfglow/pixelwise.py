"""Maps of the channels that are the same at every pixel."""

from collections.abc import Callable

import tensorflow as tf

from tfglow import shapes


def linear(
    x: tf.Tensor,
    weight: tf.Tensor,
    bias: tf.Tensor | None = None,
    activation: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> tf.Tensor:
    """activation(x W + bias) at every pixel, `[B, H, W, C] → [B, H, W, units]`.

    It is a 1×1 convolution, as one matrix product, whose gradient is faster than a convolution's.

    Args:
      x: `[B, H, W, C]`.
      weight: W, `[C, units]`.
      bias: `[units]`; None: none.
      activation: Of rows, `[B·H·W, units]`; None: none.
    """
    rows = tf.matmul(tf.reshape(x, [-1, weight.shape[0]]), weight)  # [B·H·W, units]
    if bias is not None:
        rows = tf.nn.bias_add(rows, bias)
    if activation is not None:  # Before the reshape, so that all of it runs as one operation.
        rows = activation(rows)
    return tf.reshape(rows, [-1, *shapes.shape_list(x)[1:-1], weight.shape[1]])


def sum_rows(rows: tf.Tensor) -> tf.Tensor:
    """The sum over all rows, `[N, C] → [C]`, as a matrix product, the fastest of sums."""
    ones = tf.ones([1, shapes.shape_list(rows)[0]], rows.dtype)
    return tf.matmul(ones, rows)[0]
