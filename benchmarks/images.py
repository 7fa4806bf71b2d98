"""Images that need no data set."""

from collections.abc import Sequence

import tensorflow as tf


def random_batch(batch_size: int, image_shape: Sequence[int]) -> dict[str, tf.Tensor]:
    """Noise as images, uint8, and noise to dequantise them, float32; `[B, H, W, C]` each."""
    shape = [batch_size, *image_shape]
    images = tf.random.stateless_uniform(shape, [0, 0], 0, 256, tf.int32)
    noise = tf.random.stateless_uniform(shape, [0, 1])
    return {"image": tf.cast(images, tf.uint8), "noise": noise}


def smooth_images(num: int, image_shape: Sequence[int]) -> tf.Tensor:
    """Images with structure at every scale, as photographs have it, uint8 `[num, H, W, C]`."""
    height, width, channels = image_shape
    total, size = 0.0, 4
    while size <= height:
        noise = tf.random.stateless_normal([num, size, size, channels], [size, 0])
        total += tf.image.resize(noise, [height, width], method="bicubic")
        size *= 2
    return tf.cast(tf.clip_by_value(128.0 + 30.0 * total, 0.0, 255.0), tf.uint8)
