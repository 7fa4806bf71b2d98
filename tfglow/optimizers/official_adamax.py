"""The official code's variant of Adamax."""

from typing import Any

import tensorflow as tf

from tfglow.keras_backend import keras
from tfglow.optimizers.fused_optimizer import (
    FUSED_DTYPES,
    FusedOptimizer,
    LearningRate,
    Scalars,
    check_beta,
    check_epsilon,
)


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
      learning_rate: A number, schedule or callable; see `FusedOptimizer`.
      beta_1: β₁, in [0, 1).
      beta_2: β₂, in [0, 1); the official code takes 1 − 1/(steps an epoch of 50,000 images).
      epsilon: ε.
      name: Name of the optimizer.
      **kwargs: Arguments of `keras.optimizers.Optimizer`.

    Raises:
      ValueError: If β₁ or β₂ is outside [0, 1), or ε is not positive.

    Example:
      >>> optimizer = tfglow.optimizers.OfficialAdamax(learning_rate=0.1)
      >>> weight = keras.Variable([1.0])
      >>> optimizer.apply([tf.constant([3.0])], [weight])
      >>> weight.numpy().round(4)
      array([0.9968], dtype=float32)
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
        super().__init__(learning_rate, name=name, **kwargs)
        self.beta_1 = check_beta("beta_1", beta_1)
        self.beta_2 = check_beta("beta_2", beta_2)
        self.epsilon = check_epsilon(epsilon)

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates the two moments of each variable."""
        if self.built:
            return
        super().build(variables)
        self._m, self._v = self.add_optimizer_variables(variables, ["m", "v"])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, for Keras's `.keras` files."""
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }

    def _step_size(self, learning_rate, t):
        # In float64: in float32 a power of 0.999… is off by far more than the rest of the rule.
        beta_1, beta_2 = (tf.constant(beta, tf.float64) for beta in (self.beta_1, self.beta_2))
        correction = tf.sqrt(1.0 - tf.pow(beta_2, t)) / (1.0 - tf.pow(beta_1, t))
        return tf.cast(learning_rate, tf.float64) * correction

    def _scalars(self, learning_rate, t, dtype):
        return Scalars(
            zero=tf.zeros([], dtype),
            step_size=tf.cast(self._step_size(learning_rate, t), dtype),
            beta_1=tf.constant(self.beta_1, dtype),
            beta_2=tf.constant(self.beta_2, dtype),
            epsilon=tf.constant(self.epsilon, dtype),
        )

    def _moments(self, index):
        return self._m[index], self._v[index]

    def _fused_update(self, zero, **inputs):
        # The operation itself divides its rate by 1 − beta1_power.
        tf.raw_ops.ResourceApplyAdaMax(beta1_power=zero, **inputs)

    def _plain_update(self, gradient, variable, index, learning_rate):
        """The rule in at least float32, rounded to the variable's dtype at its end."""
        dtype = variable.dtype if variable.dtype in FUSED_DTYPES else tf.float32
        targets = (*self._moments(index), variable)
        m, v, w = (tf.cast(tf.convert_to_tensor(target), dtype) for target in targets)
        g = tf.cast(tf.convert_to_tensor(gradient), dtype)  # Dense, if it was sparse.
        m = self.beta_1 * m + (1.0 - self.beta_1) * g
        v = tf.maximum(self.beta_2 * v, tf.abs(g))
        t = tf.cast(self.iterations, tf.float64) + 1.0
        step_size = tf.cast(self._step_size(learning_rate, t), dtype)
        w = w - step_size * m / (v + self.epsilon)
        for target, value in zip(targets, (m, v, w), strict=True):
            self.assign(target, value)
