"""Grey and RGB images into each other."""

import tensorflow as tf

_GREY_OR_COLOUR = (1, 2, 3, 4)  # grey, grey with alpha, RGB, RGB with alpha

_LUMA = (0.299, 0.587, 0.114)


def can_convert(source: int, target: int) -> bool:
    """Whether images of `source` channels can become images of `target` channels."""
    return source == target or (source in _GREY_OR_COLOUR and target in (1, 3))


def convert_channels(image: tf.Tensor, channels: int) -> tf.Tensor:
    """An image with the given number of channels.

    An alpha channel is dropped; grey becomes RGB with three equal channels; RGB becomes grey by
    its luma, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded.

    Args:
      image: uint8 [H, W, C'], with C' known.
      channels: C; `can_convert(C', C)` must hold.

    Returns:
      uint8 [H, W, C].

    Raises:
      ValueError: If C' cannot become C.
    """
    source = image.shape[-1]
    if not can_convert(source, channels):
        raise ValueError(
            f"An image of {source} channels cannot become one of {channels}: only grey and RGB, "
            "1 and 3 channels, are converted."
        )
    if source == channels:
        return image
    if source in (2, 4):
        image = image[..., : source - 1]
    if image.shape[-1] < channels:
        return tf.image.grayscale_to_rgb(image)
    if image.shape[-1] > channels:
        # `tf.image.rgb_to_grayscale` rounds down, which darkens by half a level on average.
        luma = tf.tensordot(tf.cast(image, tf.float32), tf.constant(_LUMA), axes=1)
        return tf.cast(tf.round(luma), tf.uint8)[..., tf.newaxis]
    return image
