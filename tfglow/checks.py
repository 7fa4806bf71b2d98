"""Checks of what users pass to a model, and of where it runs."""

import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfglow.fields import converted


def check_environment() -> None:
    """Refuses a process in which weights are taken for constants.

    oneDNN then goes on with the first values that each operation saw: right for an exported model,
    wrong for one that is trained or initialised, and for steps that share an operation.

    Raises:
      ValueError: If TF_ONEDNN_ASSUME_FROZEN_WEIGHTS is set.
    """
    value = os.environ.get("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "0")
    if value.lower() not in ("0", "false", ""):
        raise ValueError(
            "A Glow's weights change, and TF_ONEDNN_ASSUME_FROZEN_WEIGHTS must not be set, got "
            f"{value!r}: it is for serving exported models alone."
        )


def check_positive_integer(name: str, value: Any, owner: str | None = None) -> int:
    """`value` as an int of Python's, also from NumPy's.

    Args:
      name: The argument's name, for the error.
      value: What was given.
      owner: The name of whose argument it is, for the error.

    Raises:
      ValueError: If it is not an integer, or not positive.
    """
    return check_integer(name, value, 1, owner, "a positive integer")


def check_integer(
    name: str, value: Any, low: int, owner: str | None = None, words: str | None = None
) -> int:
    """`value` as an int of Python's, also from NumPy's.

    Args:
      name: The argument's name, for the error.
      value: What was given.
      low: The least that it may be.
      owner: The name of whose argument it is, for the error.
      words: What the error says is expected; None for "an integer >= `low`".

    Raises:
      ValueError: If it is not an integer, or less than `low`.
    """
    try:
        number = converted(value, int)
    except TypeError:
        number = low - 1
    if number < low:
        expected = words or f"an integer >= {low}"
        raise ValueError(f"`{name}`{_of(owner)} must be {expected}, got {value!r}.")
    return number


def check_seed(value: Any, owner: str | None = None) -> int | None:
    """A seed as an int of Python's, or None, which draws one.

    Raises:
      ValueError: If it is neither None nor an integer >= 0.
    """
    if value is None:
        return None
    return check_integer("seed", value, 0, owner, "None or an integer >= 0")


def check_bool(name: str, value: Any, owner: str | None = None) -> bool:
    """`value` as a bool of Python's, also from NumPy's.

    Raises:
      ValueError: If it is no bool.
    """
    try:
        return converted(value, bool)
    except TypeError:
        raise ValueError(f"`{name}`{_of(owner)} must be True or False, got {value!r}.") from None


def check_rows(x: tf.Tensor, owner: str) -> None:
    """Refuses a batch of which there is nothing to be learned.

    Raises:
      ValueError: If the tensor has no rows.
    """
    if 0 in x.shape.as_list():
        raise ValueError(
            f"`initialize` of {owner} needs at least one row, got the shape {x.shape}."
        )


def _of(owner):
    return f" of {owner}" if owner else ""


def check_images(images: Any, image_shape: tuple[int, int, int]) -> tf.Tensor:
    """`images` as a uint8 tensor `[B, *image_shape]`.

    Integers of another dtype, and whole or fractional floats, are refused rather than guessed
    at: a float image may be in [0, 1], in [0, 255] or standardised. The error says what to do.

    Raises:
      ValueError: If the dtype is not uint8, or the shape is another.
    """
    images = _to_tensor("Images", images)
    if images.dtype != tf.uint8:
        raise ValueError(
            f"Images must be uint8 in [0, 255], got {images.dtype.name}{_value_range(images)}: "
            f"{_how_to_uint8(images)}."
        )
    if not images.shape.is_compatible_with([None, *image_shape]):
        height, width, channels = image_shape
        raise ValueError(
            f"Images must have the shape [B, {height}, {width}, {channels}], got {images.shape}"
            f"{_how_to_shape(images.shape, image_shape)}."
        )
    return tf.ensure_shape(images, [None, *image_shape])


def check_continuous(x: Any, image_shape: tuple[int, int, int], dtype: str) -> tf.Tensor:
    """Continuous images as a tensor `[B, *image_shape]` of `dtype`.

    Points beyond [−0.5, 0.5) have a density too. Eagerly a warning says so of values that look as
    if they had another range, such as [0, 1].

    Raises:
      ValueError: If they are not floating-point numbers, or have another shape.
    """
    x = _to_tensor("Continuous images", x)
    if not x.dtype.is_floating:
        raise ValueError(
            f"Continuous images must be floating-point numbers in [-0.5, 0.5), got {x.dtype.name}; "
            "`log_prob` takes uint8 images, and `tfglow.likelihood.dequantize` makes them "
            "continuous."
        )
    if not x.shape.is_compatible_with([None, *image_shape]):
        height, width, channels = image_shape
        raise ValueError(
            f"Continuous images must have the shape [B, {height}, {width}, {channels}], got "
            f"{x.shape}."
        )
    values = tf.get_static_value(x)
    if values is not None and values.size:
        low, high = values.min(), values.max()
        # [0, 1] or [0, 255]; [-1, 1], which bytes reach exactly; standardised.
        if (low >= 0 and high > 0.5) or low == -1 or high == 1 or max(-low, high) > 1.5:
            _warn(f"Continuous images have values in [-0.5, 0.5), got [{low:.4g}, {high:.4g}].")
    return tf.cast(tf.ensure_shape(x, [None, *image_shape]), dtype)


def check_labels(labels: Any, num_classes: int, batch_size: tf.Tensor) -> tf.Tensor | None:
    """`labels` as an int32 tensor `[B]`; None for an unconditional model.

    Raises:
      ValueError: If labels are missing, unwanted, not integers, of another shape or out of range.
      InvalidArgumentError: If they are out of range, in a graph that runs with them.
    """
    if not num_classes:
        if labels is not None:
            raise ValueError("The model is unconditional (num_classes = 0); got `labels`.")
        return None
    if labels is None:
        raise ValueError(f"The model is conditional on {num_classes} classes and needs `labels`.")
    labels = _to_tensor("Labels", labels)
    size = tf.get_static_value(batch_size)
    how = _how_to_labels(labels.shape, num_classes)
    if not labels.dtype.is_integer:
        raise ValueError(f"Labels must be integers, got {labels.dtype.name}{how}.")
    if not labels.shape.is_compatible_with([size]):
        expected = "B" if size is None else size
        raise ValueError(f"Labels must have the shape [{expected}], got {labels.shape}{how}.")
    labels = tf.ensure_shape(labels, [size])
    values = tf.get_static_value(labels)
    if values is not None:
        wrong = values[(values < 0) | (values >= num_classes)]
        if wrong.size:
            raise ValueError(f"Labels must be in [0, {num_classes}), got {wrong[0]}.")
        return tf.cast(labels, tf.int32)
    # In a graph they are checked when it runs, unless XLA compiles it: it leaves checks out.
    message = f"Labels must be in [0, {num_classes})."
    wide = tf.cast(labels, tf.int64)
    in_range = [
        tf.debugging.assert_non_negative(wide, message),
        tf.debugging.assert_less(wide, tf.constant(num_classes, tf.int64), message),
    ]
    with tf.control_dependencies(in_range):
        return tf.cast(labels, tf.int32)


def check_latents(latents: Any, num_dims: int, dtype: str) -> tf.Tensor:
    """`latents` as a tensor `[B, num_dims]` of `dtype`.

    Raises:
      ValueError: If they are not floating-point numbers, or have another shape.
    """
    latents = _to_tensor("Latents", latents)
    if not latents.dtype.is_floating:
        raise ValueError(f"Latents must be floating-point numbers, got {latents.dtype.name}.")
    if not latents.shape.is_compatible_with([None, num_dims]):
        raise ValueError(f"Latents must have the shape [B, {num_dims}], got {latents.shape}.")
    return tf.cast(tf.ensure_shape(latents, [None, num_dims]), dtype)


def check_noise(noise: Any, image_shape: tf.TensorShape, dtype: str) -> tf.Tensor:
    """Dequantisation noise as a tensor of `dtype` that broadcasts to images of `image_shape`.

    Raises:
      ValueError: If it does not broadcast, or its values, where they are known, are not in [0, 1).
    """
    noise = _to_tensor("`noise`", noise)
    if not noise.dtype.is_floating and not noise.dtype.is_integer:
        raise ValueError(f"`noise` must be numbers in [0, 1), got {noise.dtype.name}.")
    try:
        fits = tf.broadcast_static_shape(noise.shape, image_shape).is_compatible_with(image_shape)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"`noise` must have the shape {image_shape}, got {noise.shape}.")
    values = tf.get_static_value(noise)
    if values is not None and not ((values >= 0) & (values < 1)).all():
        raise ValueError(f"`noise` must be in [0, 1), got [{values.min()}, {values.max()}].")
    return tf.cast(noise, dtype)


def check_temperature(temperature: Any, num: Any, dtype: str) -> tf.Tensor:
    """The temperature of `num` samples as a tensor of `dtype`, `[]` or `[num]`.

    Raises:
      ValueError: If `num` is negative, a temperature is negative or not finite, or there is neither
        one temperature nor one for each sample.
    """
    if not tf.is_tensor(num):
        num = check_integer("num", num, 0)
    num = tf.get_static_value(num)
    temperature = _to_tensor("`temperature`", temperature)
    if not temperature.dtype.is_floating and not temperature.dtype.is_integer:
        raise ValueError(f"`temperature` must be a number, got {temperature.dtype.name}.")
    temperature = tf.cast(temperature, dtype)
    if temperature.shape.rank != 0 and not temperature.shape.is_compatible_with([num]):
        raise ValueError(
            f"`temperature` must be one number or have the shape [{num}], got the shape "
            f"{temperature.shape}."
        )
    values = tf.get_static_value(temperature)
    if values is not None and not np.all(np.isfinite(values) & (values >= 0)):
        raise ValueError(f"`temperature` must be finite and >= 0, got {values}.")
    return temperature


def check_sampling_seed(seed: Any) -> Any:
    """The seed of a draw as an int of Python's, also a negative one, or as the tensor that it is.

    Raises:
      ValueError: If it is no integer of 64 bits.
    """
    if tf.is_tensor(seed):
        if not seed.dtype.is_integer or not seed.shape.is_compatible_with([]):
            raise ValueError(
                f"`seed` must be None or an integer, got {seed.dtype.name} of shape {seed.shape}."
            )
        return tf.cast(seed, tf.int64)
    words = "None or an integer of 64 bits"
    number = check_integer("seed", seed, -(2**63), words=words)
    if number >= 2**63:
        raise ValueError(f"`seed` must be {words}, got {seed!r}.")
    return number


def warn_of_rows(valid: tf.Tensor, message: str) -> None:
    """Warns of the rows that are not `valid`, bool `[B]`; in a graph there is nobody to warn.

    Args:
      valid: Which rows are.
      message: The warning, with `{}` for their count, "3 of 16".
    """
    values = tf.get_static_value(valid)
    if values is not None and not values.all():
        _warn(message.format(f"{np.sum(~values)} of {values.size}"))


def _warn(message: str) -> None:
    # Of the line that called the model's method: up from here, the check, and that method.
    warnings.warn(message, RuntimeWarning, stacklevel=4)


def _to_tensor(name: str, value: Any) -> tf.Tensor:
    """`value` as a tensor, of whatever dtype.

    Raises:
      ValueError: If it is none: a dictionary, None, rows of several lengths.
    """
    try:
        return tf.convert_to_tensor(value)
    except (TypeError, ValueError) as error:
        # TensorFlow's own message holds all the numbers.
        how = "; of a batch of `datasets` take batch['image']" if isinstance(value, Mapping) else ""
        kind = f"{value.dtype} array" if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(f"{name} must be numbers in one array, got {kind}{how}.") from error


def _value_range(images: tf.Tensor) -> str:
    # Of one string it would be Python's bytes.
    values = None if images.dtype == tf.string else tf.get_static_value(images)
    if values is None or not values.size:
        return ""
    return f" in [{values.min()}, {values.max()}]"


def _how_to_uint8(images: tf.Tensor) -> str:
    """What to do with images of another dtype, by their values where they are known."""
    if images.dtype == tf.string:
        return "read files by tfglow.datasets or tfglow.pictures"
    if images.dtype == tf.bool:
        return "take 255 * tf.cast(images, tf.uint8)"
    in_unit = "tf.cast(tf.round(images * 255), tf.uint8)"
    values = tf.get_static_value(images)
    if values is None or not values.size:
        return f"cast them, from [0, 1] by {in_unit}, from [0, 255] by tf.cast(images, tf.uint8)"
    low, high = values.min(), values.max()
    if not images.dtype.is_floating:
        if low >= 0 and high <= 255:
            return "take tf.cast(images, tf.uint8)"
    elif low >= 0 and high <= 1:
        return f"if they are in [0, 1], take {in_unit}"
    elif low >= 0 and high <= 255:
        return "if they are in [0, 255], take tf.cast(tf.round(images), tf.uint8)"
    elif low >= -0.5 and high <= 0.5:
        return "if they are in [-0.5, 0.5], take tf.cast(tf.round((images + 0.5) * 255), tf.uint8)"
    elif low >= -1 and high <= 1:
        return "if they are in [-1, 1], take tf.cast(tf.round((images + 1) * 127.5), tf.uint8)"
    return "undo what scaled them, then round and cast to tf.uint8"


def _how_to_labels(shape: tf.TensorShape, num_classes: int) -> str:
    """What to do with labels of another form, if that can be seen; begins with a colon."""
    if shape.rank != 2:
        return ""
    if shape[1] == 1:
        return ": of a column of integers take labels[:, 0]"
    if shape[1] == num_classes:
        return ": of one-hot rows take tf.argmax(labels, axis=-1)"
    return ""


def _how_to_shape(shape: tf.TensorShape, image_shape: tuple[int, int, int]) -> str:
    """What to do with images of another shape, if that can be seen; begins with a colon."""
    height, width, channels = image_shape
    if shape.rank == 3 and shape.is_compatible_with(image_shape):
        return ": a batch of one is images[tf.newaxis]"
    if channels == 1 and shape.rank == 3 and shape.is_compatible_with([None, height, width]):
        return ": with a channel they are images[..., tf.newaxis]"
    if shape.rank == 4 and shape.is_compatible_with([None, channels, height, width]):
        return ": with channels last they are tf.transpose(images, [0, 2, 3, 1])"
    return ""
