"""Brings models that the official implementation (github.com/openai/glow) trained.

`python -m tfglow.official CHECKPOINT --out RUN_DIR` makes a run folder of a checkpoint.
"""

from typing import TYPE_CHECKING

from tfglow.lazy_parts import lazy_parts

if TYPE_CHECKING:
    from tfglow.official.loading import has_average, infer_config, load
    from tfglow.official.undetermined_error import UndeterminedError

__all__ = ["UndeterminedError", "has_average", "infer_config", "load"]

__getattr__, __dir__ = lazy_parts(
    __name__,
    {
        "UndeterminedError": "undetermined_error",
        "has_average": "loading",
        "infer_config": "loading",
        "load": "loading",
    },
)
