"""What becomes of a full disk: one sentence that names the file."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf


class UnwritableFile(ValueError):
    """A file that cannot be written: the disk is full, the folder is gone or not ours."""


@contextlib.contextmanager
def writing(path: str | os.PathLike) -> Iterator[None]:
    """Turns errors of the file system and of TensorFlow into one sentence that names `path`.

    Raises:
      UnwritableFile: In place of them.
    """
    try:
        yield
    except _errors() as error:
        raise UnwritableFile(
            f"Cannot write {os.fsdecode(path)!r}: {system_reason(error)}."
        ) from error


def system_reason(error: "OSError | tf.errors.OpError") -> str:
    """The system's words, such as "No space left on device"."""
    if isinstance(error, OSError):
        return str(error.strerror or error).rstrip(".")
    # "{{function_node ...}} /runs/...tempstate1234; No space left on device [Op:SaveV2]"
    line = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", str(error.message).strip().splitlines()[0])
    return line.rpartition("; ")[2].strip().rstrip(".")


def _errors() -> tuple[type[Exception], ...]:
    """Those of the file system; TensorFlow's only where somebody has imported it."""
    tensorflow = sys.modules.get("tensorflow")
    return (OSError,) if tensorflow is None else (OSError, tensorflow.errors.OpError)
