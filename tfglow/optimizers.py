"""The official code's variant of Adamax."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfglow")
class OfficialAdamax(keras.optimizers.Optimizer):
    """Adamax with the factor sqrt(1 − β₂ᵗ) that the official code has and the paper has not.

    For step t = 1, 2, … with the gradient g, and m, v starting at 0:

        m ← β₁·m + (1 − β₁)·g
        v ← max(β₂·v, |g|)
        w ← w − learning_rate · sqrt(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (v + ε)

    (openai/glow, `optim.py`; Kingma & Ba 2015, algorithm 2, without the square root.) The factor
    is a warm-up of its own: it takes about 1 / (1 − β₂) steps, an epoch in the official code.

    Every variable is updated by one fused operation, which XLA compiles too.

    Args:
      learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments. To change
        it during training give a schedule: the optimizer's `learning_rate` attribute is the whole
        factor before m / (v + ε), and cannot be set.
      beta_1: β₁, in [0, 1).
      beta_2: β₂, in [0, 1); the official code takes 1 − 1/(steps an epoch of 50,000 images).
      epsilon: ε.
      name: Of the optimizer.
      **kwargs: Of `keras.optimizers.Optimizer`.

    Raises:
      ValueError: If β₁ or β₂ is outside [0, 1), or ε is not positive.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule | Callable = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        name: str = "official_adamax",
        **kwargs: Any,
    ):
        for field, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= beta < 1:
                raise ValueError(f"`{field}` must be in [0, 1), got {beta!r}.")
        if not epsilon > 0:
            raise ValueError(f"`epsilon` must be positive, got {epsilon!r}.")
        step_size = _StepSize(learning_rate, beta_1, beta_2)
        super().__init__(learning_rate=step_size, name=name, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates m and v for each variable."""
        if self.built:
            return
        super().build(variables)
        self._m, self._v = self.add_optimizer_variables(variables, ["m", "v"])
        # A graph takes in one tensor once, but a Python number once for every variable.
        dtype = max((tf.as_dtype(v.dtype) for v in variables), key=lambda dtype: dtype.size)
        with tf.init_scope():
            self._zero = tf.constant(0.0, dtype)
            self._beta_1 = tf.constant(self.beta_1, dtype)
            self._beta_2 = tf.constant(self.beta_2, dtype)
            self._epsilon = tf.constant(self.epsilon, dtype)

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates one variable; `learning_rate` is the factor before m / (v + ε)."""
        index = self._get_variable_index(variable)
        dtype = tf.as_dtype(variable.dtype)
        tf.raw_ops.ResourceApplyAdaMax(
            var=variable.handle,
            m=self._m[index].handle,
            v=self._v[index].handle,
            # The operation divides its rate by 1 − beta1_power; `learning_rate` is divided already.
            beta1_power=tf.cast(self._zero, dtype),
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.cast(self._beta_1, dtype),
            beta2=tf.cast(self._beta_2, dtype),
            epsilon=tf.cast(self._epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "learning_rate": self._learning_rate.get_config()["learning_rate"],
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }


class _StepSize(keras.optimizers.schedules.LearningRateSchedule):
    """learning_rate · sqrt(1 − β₂ᵗ) / (1 − β₁ᵗ), computed once a step for all variables."""

    def __init__(self, learning_rate, beta_1, beta_2):
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def __call__(self, step):
        # In float64: in float32 a power of 0.999… is off by far more than the rest of the rule.
        t = tf.cast(step, tf.float64) + 1.0
        rate = self.learning_rate
        if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            rate = rate(step)
        elif callable(rate):
            rate = rate()
        beta_1, beta_2 = (tf.constant(beta, tf.float64) for beta in (self.beta_1, self.beta_2))
        correction = tf.sqrt(1.0 - tf.pow(beta_2, t)) / (1.0 - tf.pow(beta_1, t))
        # A Python float becomes float64 at once: through float32 it would lose half its digits.
        rate = tf.constant(rate, tf.float64) if isinstance(rate, float) else rate
        return tf.cast(rate, tf.float64) * correction

    def get_config(self):
        rate = self.learning_rate
        if not isinstance(rate, float):
            rate = keras.saving.serialize_keras_object(rate)
        return {"learning_rate": rate, "beta_1": self.beta_1, "beta_2": self.beta_2}
