"""The models that are measured, and the step that trains them."""

from typing import Any

import tensorflow as tf

import tfglow
from benchmarks.sizes import Size
from train.config import TrainConfig
from train.state import TrainState
from train.step import TrainStep
from train.strategies import make_strategy


def glow_config(size: Size, **options: Any) -> tfglow.GlowConfig:
    """The configuration of a model.

    Args:
      size: The model's levels, steps, width and image shape.
      **options: Other fields of `GlowConfig`.
    """
    return tfglow.GlowConfig(
        image_shape=size.image_shape,
        levels=size.levels,
        steps=size.steps,
        width=size.width,
        **options,
    )


def start_training(
    config: TrainConfig,
    batch: dict[str, tf.Tensor],
    strategy: tf.distribute.Strategy | None = None,
    jit_compile: bool = False,
) -> tuple[TrainState, TrainStep]:
    """A model that is initialised, as `train/main.py` has it, and its training step.

    Args:
      config: The run's configuration.
      batch: The images to initialise the model on.
      strategy: The distribution strategy; None for one device.
      jit_compile: Whether XLA compiles the step.
    """
    config = config.resolved()
    strategy = strategy or make_strategy("one_device")
    state = TrainState(config, strategy)
    state.initialize(batch)
    step = TrainStep(state, strategy, batch_size=config.batch_size, jit_compile=jit_compile)
    return state, step
