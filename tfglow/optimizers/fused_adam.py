"""Adam, one operation a variable."""

from typing import Any

import tensorflow as tf

from tfglow.keras_backend import keras
from tfglow.optimizers.fused_optimizer import (
    FusedOptimizer,
    LearningRate,
    Scalars,
    adam_moments,
    check_beta,
    check_epsilon,
)


@keras.saving.register_keras_serializable(package="tfglow")
class FusedAdam(FusedOptimizer, keras.optimizers.Adam):
    """`keras.optimizers.Adam`, faster to trace and to run.

    For step t = 1, 2, … with the gradient g, and m, v starting at 0 (Kingma & Ba 2015, the end of
    section 2):

        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        w ← w − learning_rate · sqrt(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (sqrt(v) + ε)

    Keras's own update takes over with `amsgrad`, for sparse gradients, and for variables that are
    neither float32 nor float64. (A bfloat16 variable does not move with Keras's Adam and
    β₂ = 0.999, which is 1 in bfloat16.)

    Args:
      learning_rate: A number, schedule or callable; see `FusedOptimizer`.
      beta_1: β₁, in [0, 1).
      beta_2: β₂, in [0, 1).
      epsilon: ε.
      amsgrad: Whether the largest v so far takes the place of v.
      name: Name of the optimizer.
      **kwargs: Arguments of `keras.optimizers.Optimizer`.

    Raises:
      ValueError: If β₁ or β₂ is outside [0, 1), or ε is not positive.

    Example:
      >>> optimizer = tfglow.optimizers.FusedAdam(learning_rate=0.1)
      >>> weight = keras.Variable([1.0])
      >>> optimizer.apply([tf.constant([3.0])], [weight])
      >>> weight.numpy().round(4)
      array([0.9], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        name: str = "fused_adam",
        **kwargs: Any,
    ):
        super().__init__(
            learning_rate,
            beta_1=check_beta("beta_1", beta_1),
            beta_2=check_beta("beta_2", beta_2),
            epsilon=check_epsilon(epsilon),
            amsgrad=bool(amsgrad),
            name=name,
            **kwargs,
        )

    @property
    def fused_dtypes(self) -> tuple[tf.DType, ...]:
        """The dtypes of variables that are updated by one operation: none with `amsgrad`."""
        return () if self.amsgrad else super().fused_dtypes

    def _scalars(self, learning_rate, t, dtype):
        beta_1, beta_2 = (tf.constant(beta, dtype) for beta in (self.beta_1, self.beta_2))
        # As Keras computes it, from float32's β and in the variable's dtype.
        steps = tf.cast(t, dtype)
        power_1, power_2 = (
            tf.pow(tf.cast(tf.constant(beta, tf.float32), dtype), steps)
            for beta in (self.beta_1, self.beta_2)
        )
        correction = tf.sqrt(1.0 - power_2) / (1.0 - power_1)
        # Keras rounds 1 − β, and the operation β: in float32 that is 0.005 % of 1 − 0.999. What it
        # makes of the moments by step t goes into the step size and ε.
        excess_1, excess_2 = (
            _moment_of_ones(tf.cast(rounded, tf.float64), t) / _moment_of_ones(exact, t)
            for rounded, exact in ((beta_1, self.beta_1), (beta_2, self.beta_2))
        )
        root = tf.sqrt(excess_2)
        rate = tf.cast(learning_rate, dtype) * correction
        return Scalars(
            zero=tf.zeros([], dtype),
            step_size=rate * tf.cast(root / excess_1, dtype),
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=tf.cast(self.epsilon * root, dtype),
        )

    def _moments(self, index):
        return adam_moments(self, index)

    def _fused_update(self, zero, **inputs):
        # The operation itself multiplies its rate by sqrt(1 − beta2_power) / (1 − beta1_power).
        tf.raw_ops.ResourceApplyAdam(beta1_power=zero, beta2_power=zero, **inputs)

    def _plain_update(self, gradient, variable, index, learning_rate):
        keras.optimizers.Adam.update_step(self, gradient, variable, learning_rate)


def _moment_of_ones(beta, t):
    """1 − βᵗ: a moment after t steps of which each brought a 1."""
    return 1.0 - tf.pow(tf.convert_to_tensor(beta, tf.float64), t)
