"""Shapes that are static where they can be."""

import tensorflow as tf


def shape_list(x: tf.Tensor) -> list[int | tf.Tensor]:
    """The shape of `x`: an int for each static dimension, a scalar tensor for each other."""
    if x.shape.is_fully_defined():
        return x.shape.as_list()
    dynamic = tf.shape(x)
    return [dynamic[i] if n is None else n for i, n in enumerate(x.shape.as_list())]


def num_positions(x: tf.Tensor) -> tf.Tensor:
    """H·W of `x` `[..., H, W, C]`, in its dtype: the factor of every per-pixel log-det."""
    height, width = shape_list(x)[-3:-1]
    return tf.cast(height * width, x.dtype)


def flatten_batch(x: tf.Tensor, event_ndims: int) -> tf.Tensor:
    """Merges all dimensions before the event into one: `[..., *event] → [B, *event]`."""
    return tf.reshape(x, [-1, *shape_list(x)[-event_ndims:]])


def unflatten_batch(x: tf.Tensor, batch_shape: list[int | tf.Tensor]) -> tf.Tensor:
    """The reverse of `flatten_batch`: `[B, *event] → [*batch_shape, *event]`."""
    return tf.reshape(x, [*batch_shape, *shape_list(x)[1:]])
