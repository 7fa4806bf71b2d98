"""Brings models that the official implementation (github.com/openai/glow) trained.

`python -m tfglow.official CHECKPOINT --out RUN_DIR` makes a run folder of a checkpoint.
"""

from tfglow.official.loading import has_average, infer_config, load

__all__ = ["has_average", "infer_config", "load"]
