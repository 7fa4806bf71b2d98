"""Brings models that the official implementation (github.com/openai/glow) trained.

`python -m tfglow.official CHECKPOINT --out RUN_DIR` makes a run folder of a checkpoint.
"""

from tfglow.official.loading import has_average, infer_config, load
from tfglow.official.undetermined_error import UndeterminedError

__all__ = ["UndeterminedError", "has_average", "infer_config", "load"]
