"""The likelihood of a split, computed on all replicas of a process."""

import math

import tensorflow as tf

from tfglow import Glow, likelihood
from tfglow.datasets import ImageData
from tfglow.keras_backend import keras
from train import strategies
from train.data import divide_batch, first_images


class Evaluator:
    """Evaluates a model, as often as wanted, with the weights that it has by then.

    The result depends on the images, the seed and the batch size, not on the number of replicas.

    Args:
      glow: The model to evaluate.
      strategy: The distribution strategy under which the model was made.
      batch_size: How many images are evaluated at a time.
      jit_compile: Whether XLA compiles the evaluation.
    """

    def __init__(
        self,
        glow: Glow,
        strategy: tf.distribute.Strategy,
        *,
        batch_size: int,
        jit_compile: bool = False,
    ):
        self._glow = glow
        self._strategy = strategy
        self._replicas = strategy.num_replicas_in_sync // strategies.num_workers(strategy)
        # The last batch is filled up to this, so that the function is traced once.
        self._batch_size = -(-batch_size // self._replicas) * self._replicas
        on_replica = tf.function(self._terms, autograph=False, jit_compile=jit_compile)
        self._run = tf.function(
            # Not the function itself, which TensorFlow would keep, and the model with it, for ever.
            lambda batch: strategy.run(lambda own: on_replica(own), args=(batch,)),
            autograph=False,
        )
        names = ["class_bits", "accuracy"] if glow.config.weight_y else []
        self._means = {name: keras.metrics.Mean(name=name) for name in names}

    def evaluate(
        self,
        data: ImageData,
        num_images: int | None = None,
        *,
        num_draws: int = 1,
        seed: int = 0,
    ) -> tuple[likelihood.Evaluation, dict[str, float]]:
        """The likelihood of the first `num_images` images (None: all).

        Returns:
          The `Evaluation`; and, for a model with a classifier, its `class_bits` and `accuracy`.
        """
        for mean in self._means.values():
            mean.reset_state()
        evaluation = likelihood.evaluate(
            self._log_prob,
            first_images(data, num_images, self._batch_size, self._glow.config.num_classes > 0),
            self._glow.config.num_dims,
            num_draws=num_draws,
            seed=seed,
        )
        return evaluation, {name: float(mean.result()) for name, mean in self._means.items()}

    def _log_prob(
        self, images: tf.Tensor, noise: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tf.Tensor:
        """As `Glow.log_prob`, of at most a batch, on all replicas of this process."""
        batch = {"image": images, "noise": noise}
        if labels is not None:
            batch["label"] = labels
        size = images.shape[0]
        missing = self._batch_size - size
        batch = {name: _fill_up(values, missing) for name, values in batch.items()}
        results = self._run(divide_batch(self._strategy, batch))
        terms = {
            name: tf.concat(self._strategy.experimental_local_results(values), axis=0)[:size]
            for name, values in results.items()
        }
        for name, mean in self._means.items():
            mean.update_state(terms[name])
        return terms["log_prob"]

    def _terms(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        terms = self._glow.objective(batch["image"], batch.get("label"), noise=batch["noise"])
        # In nats again, for a mean over noise draws of probabilities.
        nats = self._glow.config.num_dims * math.log(2.0)
        return {**terms, "log_prob": -nats * terms["bits_per_dim"]}


def _fill_up(values: tf.Tensor, missing: int) -> tf.Tensor:
    """Repeats the last row `missing` times: a fixed batch size, and nothing unusual in it."""
    return tf.concat([values, tf.repeat(values[-1:], missing, axis=0)], axis=0)
