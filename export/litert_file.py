"""A model as one file for LiteRT, the runtime that was TensorFlow Lite."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from export.file_formats import LITERT_FILE
from export.saved_model import Functions, save
from export.signatures import Signatures
from tfglow.whole_files import replace_file


def write_litert(
    folder: Path, signatures: Signatures, functions: Functions, records: Mapping[str, Any]
) -> None:
    """Writes all of `functions` as the signatures of one file, with shared weights.

    Operators are LiteRT's own, not TensorFlow's, so that every build of it runs the file; `records`
    are only beside it.
    """
    # With the signatures' other functions these would be traced and written too.
    model = tf.Module()
    model.flow = signatures.flow
    # On the disk that the file goes to: a model may be larger than what /tmp holds.
    with tempfile.TemporaryDirectory(dir=folder) as saved_model:
        save(model, functions, Path(saved_model))
        converter = tf.lite.TFLiteConverter.from_saved_model(
            saved_model, signature_keys=list(functions)
        )
        data = converter.convert()
    replace_file(folder / LITERT_FILE, data)
