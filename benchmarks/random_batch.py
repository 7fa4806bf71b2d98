"""A batch to train on that needs no data set."""

from collections.abc import Sequence

import tensorflow as tf


def random_batch(batch_size: int, image_shape: Sequence[int]) -> dict[str, tf.Tensor]:
    """Noise as images, uint8, and noise to dequantise them, float32; `[B, H, W, C]` each."""
    shape = [batch_size, *image_shape]
    images = tf.random.stateless_uniform(shape, [0, 0], 0, 256, tf.int32)
    noise = tf.random.stateless_uniform(shape, [0, 1])
    return {"image": tf.cast(images, tf.uint8), "noise": noise}
