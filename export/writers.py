"""What writes a model in each format."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from export.litert_file import write_litert
from export.onnx_files import write_onnx
from export.saved_model import Functions, write_saved_model
from export.signatures import Signatures

# By the names of `FILE_FORMATS`: each writes into a folder the model, those of its functions that
# are asked for, and its records.
WRITERS: dict[str, Callable[[Path, Signatures, Functions, Mapping[str, Any]], None]] = {
    "saved_model": write_saved_model,
    "onnx": write_onnx,
    "litert": write_litert,
}
