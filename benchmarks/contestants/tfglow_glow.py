"""This project's Glow: its training step, its likelihood, its exported sampler."""

import tensorflow as tf

import tfglow
from benchmarks.contestants.contestant import LEARNING_RATE, Contestant, Size
from benchmarks.contestants.graphs import count_operations
from benchmarks.random_batch import random_batch
from export.signatures import Signatures
from train.config import TrainConfig
from train.state import TrainState
from train.step import TrainStep
from train.strategies import make_strategy


class TfglowGlow(Contestant):
    """tfglow as `train/main.py` trains it and `export/main.py` samples from it.

    Args:
      size: Of the model and its batch.
      precision: As `GlowConfig.precision` has it.
      gradient_checkpointing: As `GlowConfig.gradient_checkpointing` has it.
      jit_compile: Whether XLA compiles training and likelihoods. (Samples are drawn by the graph
        that is exported, which no server compiles.)
      average_decay: Of the moving average of the weights; 0, as here, does without, as peers do.
    """

    def __init__(
        self,
        size: Size,
        precision: str = "float32",
        gradient_checkpointing: bool = False,
        jit_compile: bool = False,
        average_decay: float = 0.0,
    ):
        model = tfglow.GlowConfig(
            image_shape=size.image_shape,
            levels=size.levels,
            steps=size.steps,
            width=size.width,
            precision=precision,
            gradient_checkpointing=gradient_checkpointing,
        )
        config = TrainConfig(
            model=model,
            batch_size=size.batch_size,
            learning_rate=LEARNING_RATE,
            average_decay=average_decay,
        ).resolved()
        self._strategy = make_strategy("one_device")
        self._size = size
        self._jit_compile = jit_compile
        self._state = TrainState(config, self._strategy)
        self._batch = random_batch(size.batch_size, size.image_shape)
        self._state.initialize(self._batch)
        self._step = TrainStep(
            self._state, self._strategy, batch_size=size.batch_size, jit_compile=jit_compile
        )

    def train(self):
        return lambda: float(self._step(self._batch)["loss"])

    def log_prob(self):
        glow = self._state.glow

        @tf.function(autograph=False, jit_compile=self._jit_compile)
        def log_prob(image, noise):
            return glow.log_prob(image, noise=noise)

        return lambda: log_prob(**self._batch).numpy()

    def sample(self):
        precision = self._state.glow.config.precision
        dtype = tf.bfloat16 if precision == "mixed_bfloat16" else tf.float32
        sample = Signatures(self._state.glow, network_dtype=dtype).sample
        seeds = tf.range(self._size.batch_size, dtype=tf.int64)
        temperatures = tf.fill([self._size.batch_size], 0.7)
        return lambda: sample(seeds, temperatures)["image"].numpy()

    def graph_operations(self) -> int:
        return count_operations(self._step.function, self._batch, tf.constant(False))
