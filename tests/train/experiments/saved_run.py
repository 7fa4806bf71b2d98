"""Run folders with a model in them that nobody had to train."""

import dataclasses
import pathlib

import numpy as np

from tfglow import Glow, GlowConfig, datasets
from tfglow.runs.run_folder import RunFolder
from train.config import TrainConfig
from train.presets import PRESETS


def save_run(path: pathlib.Path, **model) -> RunFolder:
    """A run on the digits whose model is no identity: random weights on top of initialised ones.

    Args:
      path: The run folder to make.
      **model: Fields of `GlowConfig`.
    """
    fields = {"image_shape": (8, 8, 1), "levels": 1, "steps": 2, "width": 4, **model}
    config = dataclasses.replace(PRESETS["tiny"], model=GlowConfig(**fields))
    run = RunFolder.create(path, config.resolved().to_dict())
    glow = random_glow(config)
    run.save_glow(glow, average=glow, step=1)
    return run


def random_glow(config: TrainConfig) -> Glow:
    """An initialised model with noise on its weights."""
    glow = Glow(config.model)
    data = datasets.load("digits", "train", image_shape=config.model.image_shape)
    batch = next(iter(data.batches(64)))
    glow.initialize(batch["image"], batch["label"] if config.model.num_classes else None)
    rng = np.random.default_rng(0)
    for variable in glow.trainable_variables:
        variable.assign(variable + 0.02 * rng.normal(size=variable.shape).astype(np.float32))
    return glow
