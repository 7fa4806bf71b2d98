"""A model as a SavedModel, which TF Serving serves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from export.signatures import DEFAULT_SIGNATURE, Signatures
from export.warmup import write_warmup_requests
from tfglow.saved_format import WARMUP_FILE

Functions = Mapping[str, tf.types.experimental.ConcreteFunction]


def save(model: tf.Module, functions: Functions, folder: Path) -> None:
    """Writes `saved_model.pb`, with `functions` for signatures, and the variables of `model`.

    Raises:
      tf.errors.OpError: If they cannot be written, such as on a full disk.
    """
    # Of a `tf.function`, saving would trace and write another copy.
    traced = tf.Module(name=model.name)
    traced.flow = model.flow
    for name, function in functions.items():
        if name != DEFAULT_SIGNATURE:
            setattr(traced, name, function)
    tf.saved_model.save(traced, str(folder), signatures=dict(functions))


def write_saved_model(
    folder: Path, signatures: Signatures, functions: Functions, records: Mapping[str, Any]
) -> None:
    """Writes the SavedModel and its warm-up requests; `records` are only beside it."""
    save(signatures, functions, folder)
    warmup = folder / WARMUP_FILE
    warmup.parent.mkdir()
    write_warmup_requests(warmup, functions)
