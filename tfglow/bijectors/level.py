"""A level of the multi-scale flow."""

from typing import Any

import tensorflow as tf

from tfglow.bijectors.flow_steps import FlowSteps
from tfglow.bijectors.gaussian_split import GaussianSplit
from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.bijectors.squeeze import Squeeze


class Level(tf.Module):
    """Squeeze, K flow steps and, but for the last level, a split (figure 2b).

    `steps` and `split` are the layers of a `GlowFlow`, or others with the same methods, such as
    those of a frozen flow.

    Args:
      steps: The flow steps, `FlowSteps`.
      split: The `GaussianSplit`; None for the last level.
      name: Name of the level.
    """

    def __init__(
        self, steps: FlowSteps | Any, split: GaussianSplit | Any | None, name: str = "level"
    ):
        super().__init__(name=name)
        self.steps = steps
        self.split = split
        self.squeeze = Squeeze(dtype=steps.dtype, name=f"{name}_squeeze")

    @property
    def layers(self) -> list[tuple[str, OnePassBijector]]:
        """The layers by name, from data to latent; of the steps, views."""
        layers = [(self.squeeze.name, self.squeeze)]
        for step in self.steps:
            layers += [
                (part.name, part) for part in (step.actnorm, step.permutation, step.coupling)
            ]
        return layers if self.split is None else [*layers, (self.split.name, self.split)]

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """Every variable by layer and name: `steps/actnorm/logs`, `split/conv/kernel`."""
        parts = {"steps": self.steps} | ({} if self.split is None else {"split": self.split})
        return {
            f"{part_name}/{name}": variable
            for part_name, part in parts.items()
            for name, variable in part.named_variables.items()
        }

    def initialize(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Initialises the steps on one batch; returns what `forward` does, without log |det|."""
        x, _ = self.squeeze.forward_and_log_det(x)
        x = self.steps.initialize(x)
        return (x, None) if self.split is None else self.split.split(x)[:2]

    def forward(
        self, x: tf.Tensor, network_dtype: tf.DType | None = None
    ) -> tuple[tf.Tensor, tf.Tensor | None, tf.Tensor]:
        """From data towards the latent.

        Args:
          x: `[B, H, W, C]`.
          network_dtype: Dtype of the coupling networks' arithmetic; None for the steps' own.

        Returns:
          What stays, `[B, H/2, W/2, 2C]`, the ε that leaves, of the same shape, and log |det|
          `[B]` or `[]`. In the last level all channels stay, `[B, H/2, W/2, 4C]`, and ε is None.
        """
        x, _ = self.squeeze.forward_and_log_det(x)  # [B, H/2, W/2, 4C]
        x, log_det = self.steps.forward_and_log_det(x, network_dtype=network_dtype)
        if self.split is None:
            return x, None, log_det
        x, eps, log_scale = self.split.split(x)
        return x, eps, log_det - tf.reduce_sum(log_scale, axis=[1, 2, 3])

    def forward_and_places(
        self, x: tf.Tensor, network_dtype: tf.DType | None = None
    ) -> tuple[tf.Tensor, tf.Tensor | None, tf.Tensor]:
        """What `forward` gives, with log |det| place by place, `[B, H/2, W/2]`."""
        x, _ = self.squeeze.forward_and_log_det(x)  # [B, H/2, W/2, 4C]
        x, places = self.steps.forward_and_places(x, network_dtype)
        if self.split is None:
            return x, None, places
        x, eps, log_scale = self.split.split(x)
        return x, eps, places - tf.reduce_sum(log_scale, axis=-1)

    def inverse(
        self, x: tf.Tensor, eps: tf.Tensor | None, network_dtype: tf.DType | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """From what stayed, and the ε that left, to data `[B, H, W, C]` and log |det|."""
        split_log_det = tf.zeros([], x.dtype)
        if self.split is not None:
            x, log_scale = self.split.merge(x, eps)
            split_log_det = tf.reduce_sum(log_scale, axis=[1, 2, 3])
        x, log_det = self.steps.inverse_and_log_det(x, network_dtype=network_dtype)
        x, _ = self.squeeze.inverse_and_log_det(x)
        return x, log_det + split_log_det
