"""All that is found out before a run begins."""

import dataclasses
import os

import tensorflow as tf

from tfglow.datasets import ImageData
from tfglow.pretrained import Pretrained
from tfglow.runs.checkpoints import list_checkpoints
from tfglow.runs.run_folder import RunFolder
from train import strategies
from train.config import Change, TrainConfig
from train.data import load_splits
from train.fine_tuning import find_source
from train.resuming import find_changes
from train.skipped import read_skipped
from train.trainer import Trainer


@dataclasses.dataclass(frozen=True)
class Plan:
    """A run that could begin, or go on: nothing is written yet.

    Made by `make`.
    """

    # The configuration, `resolved`.
    config: TrainConfig
    # Its folder, new or not.
    run: RunFolder
    # What differs from the configuration that the run had so far.
    changed: list[Change]
    # Names of the image files that it leaves out; None if that is not written down yet.
    left_out: tuple[str, ...] | None
    train_data: ImageData
    eval_data: ImageData
    # The model whose weights a new run takes; None if it starts from nothing.
    source: Pretrained | None
    trainer: Trainer

    @classmethod
    def make(
        cls, config: TrainConfig, run_dir: str | os.PathLike, strategy: tf.distribute.Strategy
    ) -> "Plan":
        """Checks the folder, reads the data, and makes the model.

        What the run cannot change is said before its pictures are read, which takes long. The data
        before the folder: what is wrong with them leaves no run folder behind.

        Raises:
          ValueError: If the configuration, the data or the folder is not usable.
        """
        config = config.resolved()
        run, changed = find_changes(config, run_dir)
        left_out = read_skipped(run)
        train_data, eval_data = load_splits(config, left_out)
        source = None if list_checkpoints(run.checkpoint_dir) else find_source(config)
        trainer = Trainer(config, run, strategy, train_data, eval_data)
        if strategies.is_chief(strategy) and not run.exists():
            RunFolder.check_new(run.path)
        return cls(config, run, changed, left_out, train_data, eval_data, source, trainer)
