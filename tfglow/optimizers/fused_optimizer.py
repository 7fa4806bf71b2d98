"""The base of optimizers that update a variable by one operation."""

import abc
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import tensorflow as tf

LearningRate: TypeAlias = (
    float | keras.optimizers.schedules.LearningRateSchedule | Callable[[], Any]
)


class FusedOptimizer(keras.optimizers.Optimizer, metaclass=abc.ABCMeta):
    """Adam's family: two moments of the gradient, and one fused operation a variable.

    An update reads and writes a variable and its moments once, where Keras's optimizers go over
    them twenty times. XLA compiles it too.

    The step size of step t = 1, 2, … is learning_rate · sqrt(1 − β₂ᵗ) / (1 − β₁ᵗ); subclasses say
    what is multiplied by it.

    Args:
      learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments. To change
        it during training give a schedule: the optimizer's `learning_rate` attribute is the whole
        step size, and cannot be set.
      beta_1: β₁, in [0, 1).
      beta_2: β₂, in [0, 1).
      epsilon: ε, positive.
      name: Name of the optimizer.
      **kwargs: Arguments of `keras.optimizers.Optimizer`.

    Raises:
      ValueError: If β₁ or β₂ is outside [0, 1), or ε is not positive.
    """

    def __init__(
        self,
        learning_rate: LearningRate,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        name: str,
        **kwargs: Any,
    ):
        for field, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= beta < 1:
                raise ValueError(f"`{field}` must be in [0, 1), got {beta!r}.")
        if not epsilon > 0:
            raise ValueError(f"`epsilon` must be positive, got {epsilon!r}.")
        step_size = _StepSize(learning_rate, beta_1, beta_2)
        super().__init__(learning_rate=step_size, name=name, **kwargs)
        self._step_size = step_size
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self._strategy = tf.distribute.get_strategy()

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates the two moments of each variable."""
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
        """Updates one variable; `learning_rate` is the step size."""
        self._update(variable, gradient, learning_rate, self._beta_1, self._beta_2)

    def update_where(
        self,
        condition: tf.Tensor,
        gradients: Sequence[tf.Tensor],
        scale: float | tf.Tensor = 1.0,
    ) -> None:
        """Updates every variable by scale · its gradient, if `condition`; else changes nothing.

        There is no branch, in which XLA might copy all that it changes. Gradients may be anything,
        also nan, where the condition is false.

        Call it outside of the replicas, with gradients that are summed over them: `apply` sums
        them itself, and is called inside.

        Args:
          condition: A bool, `[]`.
          gradients: One for each variable that the optimizer was built for, in that order.
          scale: Factor of the gradients, such as from clipping.
        """
        dtype = self._zero.dtype
        one = tf.ones([], dtype)
        scale = tf.where(condition, tf.cast(scale, dtype), self._zero)
        # With these a moment is 1·itself + 0·0, or max(1·itself, 0), and the variable itself − 0.
        step_size = tf.where(condition, tf.cast(self.learning_rate, dtype), self._zero)
        beta_1 = tf.where(condition, self._beta_1, one)
        beta_2 = tf.where(condition, self._beta_2, one)

        def update(variable, gradient):
            # 0 where `scale` is, whatever the gradient.
            gradient = tf.math.multiply_no_nan(gradient, tf.cast(scale, gradient.dtype))
            self._update(variable, gradient, step_size, beta_1, beta_2)

        for variable, gradient in zip(self._trainable_variables, gradients, strict=True):
            variable = variable.value if isinstance(variable, keras.Variable) else variable
            self._strategy.extended.update(variable, update, (gradient,), group=False)
        with self._strategy.scope():
            self.iterations.assign_add(tf.cast(condition, self.iterations.dtype))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, for Keras's `.keras` files."""
        return {
            **super().get_config(),
            "learning_rate": self._step_size.get_config()["learning_rate"],
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }

    @abc.abstractmethod
    def _fused_update(self, zero: tf.Tensor, **inputs: Any) -> None:
        """Runs the operation.

        Args:
          zero: A scalar of the variable's dtype, for what the step size has in it already.
          **inputs: The operation's `var`, `m`, `v`, `grad`, `lr`, `beta1`, `beta2` and `epsilon`;
            `lr` is the whole step size.
        """

    def _update(self, variable, gradient, step_size, beta_1, beta_2):
        index = self._get_variable_index(variable)
        dtype = tf.as_dtype(variable.dtype)
        self._fused_update(
            zero=tf.cast(self._zero, dtype),
            var=variable.handle,
            m=self._m[index].handle,
            v=self._v[index].handle,
            grad=tf.cast(gradient, dtype),
            lr=tf.cast(step_size, dtype),
            beta1=tf.cast(beta_1, dtype),
            beta2=tf.cast(beta_2, dtype),
            epsilon=tf.cast(self._epsilon, dtype),
        )


class _StepSize(keras.optimizers.schedules.LearningRateSchedule):
    """learning_rate · sqrt(1 − β₂ᵗ) / (1 − β₁ᵗ), computed once a step for all variables."""

    def __init__(self, learning_rate: LearningRate, beta_1: float, beta_2: float):
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
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
