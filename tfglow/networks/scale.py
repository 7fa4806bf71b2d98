"""The scale exp(3·logs) of the official code's layers, and its data-dependent start."""

import tensorflow as tf

# The exponent's factor in exp(3·logs), so that scales learn faster than weights do.
_LOG_SCALE_FACTOR = 3.0


def log_scale(logs: tf.Tensor) -> tf.Tensor:
    """3·logs, of the same shape."""
    return _LOG_SCALE_FACTOR * logs


def data_dependent_shift_and_log_scale(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """ActNorm's initial (b, logs) for `x` `[..., C]`: (x + b)·exp(3·logs) has mean 0, variance 1.

    b = −mean(x), exp(3·logs) = 1 / (sqrt(mean((x + b)²)) + 1e-6), over all axes but the last.
    """
    axes = list(range(x.shape.rank - 1))
    b = -tf.reduce_mean(x, axes)
    rms = tf.sqrt(tf.reduce_mean(tf.square(x + b), axes))
    return b, -tf.math.log(rms + 1e-6) / _LOG_SCALE_FACTOR
