"""This project's Glow: its training step, its likelihood, its exported sampler."""

from collections.abc import Callable

import tensorflow as tf

from benchmarks.images import random_batch
from benchmarks.models import glow_config, start_training
from benchmarks.peers.contestant import LEARNING_RATE, Contestant, count_operations
from benchmarks.sizes import Size
from export.signatures import Signatures
from train.config import TrainConfig


class TfglowGlow(Contestant):
    """tfglow as `train/main.py` trains it and `export/main.py` samples from it.

    Args:
      size: The model, and the images of a step.
      precision: "float32" or "mixed_bfloat16".
      gradient_checkpointing: Whether training computes activations again in place of keeping them.
      jit_compile: Whether XLA compiles training and likelihoods. (Samples are drawn by the graph
        that is exported, which no server compiles.)
      average_decay: How slowly the moving average of the weights follows them; 0 does without it,
        as the peers do.
    """

    def __init__(
        self,
        size: Size,
        precision: str = "float32",
        gradient_checkpointing: bool = False,
        jit_compile: bool = False,
        average_decay: float = 0.0,
    ):
        model = glow_config(
            size, precision=precision, gradient_checkpointing=gradient_checkpointing
        )
        config = TrainConfig(
            model=model,
            batch_size=size.batch_size,
            learning_rate=LEARNING_RATE,
            average_decay=average_decay,
        )
        self._size = size
        self._jit_compile = jit_compile
        self._batch = random_batch(size.batch_size, size.image_shape)
        self._state, self._step = start_training(config, self._batch, jit_compile=jit_compile)

    def train(self) -> Callable[[], float]:
        return lambda: float(self._step(self._batch)["loss"])

    def log_prob(self) -> Callable[[], object]:
        glow = self._state.glow

        @tf.function(autograph=False, jit_compile=self._jit_compile)
        def log_prob(image, noise):
            return glow.log_prob(image, noise=noise)

        return lambda: log_prob(**self._batch).numpy()

    def sample(self) -> Callable[[], object]:
        is_mixed = self._state.glow.config.precision == "mixed_bfloat16"
        dtype = tf.bfloat16 if is_mixed else tf.float32
        sample = Signatures(self._state.glow, network_dtype=dtype).sample
        seeds = tf.range(self._size.batch_size, dtype=tf.int64)
        temperatures = tf.fill([self._size.batch_size], 0.7)
        return lambda: sample(seeds, temperatures)["image"].numpy()

    def graph_operations(self) -> int:
        return count_operations(self._step.function, self._batch, tf.constant(False))
