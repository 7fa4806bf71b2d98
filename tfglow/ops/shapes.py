"""Shapes that are static where they can be."""

from collections.abc import Callable
from typing import Any

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
    if isinstance(height, int) and isinstance(width, int):
        return tf.constant(height * width, x.dtype)
    return tf.cast(height * width, x.dtype)


def flatten_batch(x: tf.Tensor, event_ndims: int) -> tf.Tensor:
    """Merges all dimensions before the event into one: `[..., *event] → [B, *event]`."""
    return tf.reshape(x, [-1, *shape_list(x)[-event_ndims:]])


def unflatten_batch(x: tf.Tensor, batch_shape: list[int | tf.Tensor]) -> tf.Tensor:
    """The reverse of `flatten_batch`: `[B, *event] → [*batch_shape, *event]`."""
    return tf.reshape(x, [*batch_shape, *shape_list(x)[1:]])


def at_least_one_row(*tensors: tf.Tensor) -> list[tf.Tensor]:
    """The tensors `[B, ...]`, with a row of zeros added if B is 0; a known B costs nothing.

    oneDNN's float32 convolution answers 0 rows with as many channels as its input has.
    """
    if tensors[0].shape[0]:
        return list(tensors)
    missing = tf.cast(tf.shape(tensors[0])[0] == 0, tf.int32)
    return [tf.pad(t, [[0, missing]] + [[0, 0]] * (t.shape.rank - 1)) for t in tensors]


def for_any_number_of_rows(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of tensors with one row an image, also for 0 rows; see `at_least_one_row`."""

    def padded(*tensors):
        if tensors[0].shape[0]:
            return function(*tensors)
        num_rows = tf.shape(tensors[0])[0]
        outputs = function(*at_least_one_row(*tensors))
        return tf.nest.map_structure(lambda output: output[:num_rows], outputs)

    return padded


def with_rows(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    """`function` of `x` `[B, ...]`, which sees at least one row; its value has B."""
    return for_any_number_of_rows(function)(x)


# The two below serve functions whose gradient XLA compiles apart from them. tf.split and tf.concat
# would hand their axis from one to the other, and XLA, which needs it as a constant, would take all
# of the function's inputs for constants, and compile again for every batch.


def split_channels(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The two halves of the channels: `[B, H, W, C] → 2 × [B, H, W, C/2]`."""
    height, width, channels = shape_list(x)[1:]
    x1, x2 = tf.unstack(tf.reshape(x, [-1, height, width, 2, channels // 2]), axis=-2)
    return x1, x2


def join_channels(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    """The reverse of `split_channels`: `2 × [B, H, W, C/2] → [B, H, W, C]`."""
    pair = tf.stack([x1, x2], axis=-2)  # [B, H, W, 2, C/2]
    height, width, half = shape_list(x1)[1:]
    return tf.reshape(pair, [-1, height, width, 2 * half])


def split_pairs(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The even and the odd channels: `[B, H, W, C] → 2 × [B, H, W, C/2]`."""
    height, width, channels = shape_list(x)[1:]
    even, odd = tf.unstack(tf.reshape(x, [-1, height, width, channels // 2, 2]), axis=-1)
    return even, odd
