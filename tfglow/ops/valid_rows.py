"""Rows of a batch that are numbers, and those that are not."""

import tensorflow as tf


def finite_rows(tensor: tf.Tensor) -> tf.Tensor:
    """Whether all values of a row are finite, `[B, ...] → bool [B]`."""
    return tf.reduce_all(tf.math.is_finite(tensor), axis=list(range(1, tensor.shape.rank)))


def zero_unless(valid: tf.Tensor, tensor: tf.Tensor) -> tf.Tensor:
    """`tensor`, `[B, ...]`, with zeros, or empty strings, in the rows that are not `valid`."""
    mask = tf.reshape(valid, [-1] + [1] * (tensor.shape.rank - 1))
    if tensor.dtype == tf.uint8:
        # LiteRT selects among numbers of other types, not among bytes.
        return tf.cast(zero_unless(valid, tf.cast(tensor, tf.int32)), tf.uint8)
    return tf.where(mask, tensor, tf.zeros_like(tensor))
