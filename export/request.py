"""What can be said of an export before anything is loaded; nothing here needs TensorFlow."""

import os
from pathlib import Path
from typing import SupportsIndex

from export.file_formats import FILE_FORMATS, FileFormat
from export.publishing import check_base
from tfglow.runs import RunFolder

# The arithmetic of the coupling networks' convolutions, by the names of `GlowConfig.precision`.
NETWORK_PRECISIONS = ("float32", "mixed_bfloat16")


def check_request(
    run_dir: str | os.PathLike,
    export_dir: str | os.PathLike,
    *,
    version: SupportsIndex | None = None,
    precision: str = "float32",
    file_format: str = "saved_model",
    detector: str | os.PathLike | None = None,
) -> tuple[RunFolder, FileFormat]:
    """The run's folder and the format; the arguments are those of `export_run`.

    Raises:
      ValueError: If `run_dir` is no run folder, nothing can be published in `export_dir`, or the
        format does not go with the other arguments, or its converter is not installed.
    """
    if precision not in NETWORK_PRECISIONS:
        raise ValueError(
            f"`precision` must be one of {', '.join(NETWORK_PRECISIONS)}; got {precision!r}."
        )
    if file_format not in FILE_FORMATS:
        raise ValueError(
            f"`file_format` must be one of {', '.join(FILE_FORMATS)}; got {file_format!r}."
        )
    kind = FILE_FORMATS[file_format]
    kind.check_precision(precision)
    if detector is not None:
        kind.check_signature("score", "--detector")
    kind.check_converter()
    run = RunFolder.open(run_dir)
    check_base(export_dir, version)
    kind.check_base(Path(export_dir))
    return run, kind
