"""What went wrong while images were read, in one sentence."""

import re

import tensorflow as tf

_MARK = "UnreadablePicture: "


def unreadable_image_message(error: Exception) -> str | None:
    """The sentence about an image file inside an error that `tf.data` raised, if there is one.

    A split that is too large for memory is read while the batches are consumed. An image file that
    cannot be read then surfaces as a `tf.errors.OpError`, wrapped in the runtime's own words; the
    program that consumes the batches shows this sentence instead.

    Example:
      >>> error = tf.errors.DataLossError(None, None, "… UnreadablePicture: 'a.png' is empty.")
      >>> tfglow.datasets.unreadable_image_message(error)
      "'a.png' is empty."
      >>> tfglow.datasets.unreadable_image_message(ValueError("another")) is None
      True
    """
    found = re.search(rf"{_MARK}([^\n]*)", str(error))
    return found.group(1) if found else None


def runtime_message(error: tf.errors.OpError) -> str:
    """What the runtime says is wrong, without its own account of where in the graph."""
    message = re.sub(r"\{\{.*?\}\}", "", str(error.message)).split(" [Op:")[0]
    return next((line.strip() for line in message.splitlines() if line.strip()), "no reason given")


def one_sentence(error: tf.errors.OpError, name: str, split: str) -> str:
    """A sentence for an error of the runtime while a split was read."""
    return (
        unreadable_image_message(error)
        or f"Cannot read the split {split!r} of {name!r}: {runtime_message(error)}"
    )
