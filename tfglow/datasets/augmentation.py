"""Flips and small shifts of training images."""

import tensorflow as tf

DRAWS = 3  # random numbers that an image's augmentation takes


@tf.function(autograph=False)  # Traced once for all epochs.
def augment(images: tf.Tensor, draws: tf.Tensor, *, flip: bool, shift: int) -> tf.Tensor:
    """Shifts each image by whole pixels and mirrors it, at random.

    The rows move by dy and the columns by dx, both uniform over the integers -shift..shift; the
    border pixels are repeated into the gap. Then the image is mirrored left to right with
    probability 1/2.

    The official code's default for CIFAR-10 (`data_loaders/get_mnist_cifar.py` of openai/glow,
    augmentation level 1) shifts by up to a tenth of the size, 3.2 pixels, with the border repeated
    and without flips (those come with level 2, beside rotation, zoom and shear). It draws real
    shifts and interpolates linearly, which blurs the image; here every pixel keeps its value, so
    that the model learns the same grey levels that it is evaluated on.

    Args:
      images: uint8 [B, H, W, C].
      draws: For each image its mirror, dy and dx as numbers in [0, 1), float32 [B, 3].
      flip: Whether to mirror.
      shift: The largest shift, in pixels.

    Returns:
      uint8 [B, H, W, C].
    """
    height, width = images.shape[1:3]
    moves = tf.cast(tf.floor(draws[:, 1:] * (2 * shift + 1)), tf.int32) - shift  # [B, 2]
    # Row i of the result is row i - dy of the image; beyond the border, the border's row.
    rows = tf.clip_by_value(tf.range(height) - moves[:, :1], 0, height - 1)  # [B, H]
    columns = tf.clip_by_value(tf.range(width) - moves[:, 1:], 0, width - 1)  # [B, W]
    if flip:
        columns = tf.where(draws[:, :1] < 0.5, tf.reverse(columns, [1]), columns)
    images = tf.gather(images, rows, axis=1, batch_dims=1)
    return tf.gather(images, columns, axis=2, batch_dims=1)
