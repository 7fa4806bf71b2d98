"""The official code's variant of Adamax."""

from typing import Any

import keras
import tensorflow as tf

from tfglow.optimizers.fused_optimizer import FusedOptimizer, LearningRate


@keras.saving.register_keras_serializable(package="tfglow")
class OfficialAdamax(FusedOptimizer):
    """Adamax with the factor sqrt(1 − β₂ᵗ) that the official code has and the paper does not.

    For step t = 1, 2, … with the gradient g, and m, v starting at 0:

        m ← β₁·m + (1 − β₁)·g
        v ← max(β₂·v, |g|)
        w ← w − learning_rate · sqrt(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (v + ε)

    (openai/glow, `optim.py`; Kingma & Ba 2015, algorithm 2, without the square root.) The factor
    is a warm-up of its own: it takes about 1 / (1 − β₂) steps, an epoch in the official code.

    Args:
      learning_rate: A float, schedule or callable; see `FusedOptimizer`.
      beta_1: β₁, in [0, 1).
      beta_2: β₂, in [0, 1); the official code takes 1 − 1/(steps an epoch of 50,000 images).
      epsilon: ε.
      name: Name of the optimizer.
      **kwargs: Arguments of `keras.optimizers.Optimizer`.

    Raises:
      ValueError: If β₁ or β₂ is outside [0, 1), or ε is not positive.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        name: str = "official_adamax",
        **kwargs: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, name, **kwargs)

    def _fused_update(self, zero, **inputs):
        # The operation itself divides its rate by 1 − beta1_power.
        tf.raw_ops.ResourceApplyAdaMax(beta1_power=zero, **inputs)
