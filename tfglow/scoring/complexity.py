"""How much a lossless code needs for an image."""

import tensorflow as tf


def png_bits_per_dim(images: tf.Tensor, num_bits: int = 8) -> tf.Tensor:
    """8 · bytes of the image's PNG file / D, `[B]`: a complexity in bits per dimension.

    It bounds the shortest description of the image from above, as any lossless code does (Serrà et
    al. 2020 take the shortest of several). The file holds what the model sees: each pixel's top
    `num_bits` bits. It has 57 bytes at least around its pixels, which count as well: among images
    of one size that moves every value by the same amount.

    Args:
      images: uint8 `[B, H, W, C]`. Where C is more than 4, the channels are laid side by side.
      num_bits: How many bits of each pixel the model sees.

    Example:
      >>> black = tf.zeros([1, 8, 8, 1], tf.uint8)
      >>> [bits] = tfglow.scoring.png_bits_per_dim(black).numpy()
      >>> bool(bits < np.min(tfglow.scoring.png_bits_per_dim(images)))
      True
    """
    _, height, width, channels = images.shape
    levels = tf.bitwise.right_shift(images, tf.cast(8 - num_bits, tf.uint8))
    if channels > 4:
        levels = tf.transpose(levels, [0, 1, 3, 2])  # [B, H, C, W]
        levels = tf.reshape(levels, [-1, height, channels * width, 1])

    def num_bytes(image):
        return tf.strings.length(tf.io.encode_png(image, compression=9))

    sizes = tf.map_fn(num_bytes, levels, fn_output_signature=tf.int32)
    return 8.0 * tf.cast(sizes, tf.float32) / (height * width * channels)
