"""What is to be evaluated, and how."""

import dataclasses
from pathlib import Path

from tfglow import fields
from tfglow.fields import field
from train.config import STRATEGIES


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """The flags of `train/evaluate.py`, beside those of a run's own fields. Checked once, here.

    Raises:
      ValueError: If a field is of another type or out of range.
    """

    run_dir: Path = field(help="The run folder.")
    split: str | None = field(None, help="Split to evaluate on; none: the run's.")
    images: int | None = field(None, help="Only the first so many images; none: all.", low=1)
    draws: int = field(1, help="Draws of the dequantisation noise an image.", low=1)
    checkpoint: str | None = field(
        None,
        help="Checkpoint; none: the best by evaluation, or where there is none the latest.",
        choices=("best", "latest"),
    )
    strategy: str = field(
        "mirrored",
        help="How it is distributed, as in training, in one process.",
        choices=tuple(name for name in STRATEGIES if name != "multi_worker_mirrored"),
    )
    seed: int = field(0, help="Seed of the noise.", low=-(2**31), high=2**31 - 1)

    def __post_init__(self) -> None:
        fields.check(self)
