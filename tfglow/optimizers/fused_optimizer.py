"""The base of optimizers that update a variable by one operation."""

import abc
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import tensorflow as tf

from tfglow.keras_backend import keras

LearningRate: TypeAlias = (
    float | keras.optimizers.schedules.LearningRateSchedule | Callable[[], Any]
)

# Of narrower ones a step's scalars would lose most of their digits: 0.999 is 1 in bfloat16.
FUSED_DTYPES = (tf.float32, tf.float64)

# What `apply` does to gradients and weights besides the update itself.
_OPTIONS = (
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "amsgrad",
)


class Scalars(NamedTuple):
    """What a fused operation takes besides its tensors, each `[]` of the variable's dtype."""

    # 0, for what the step size has in it already.
    zero: tf.Tensor
    # The learning rate with the correction of the moments' bias.
    step_size: tf.Tensor
    beta_1: tf.Tensor
    beta_2: tf.Tensor
    epsilon: tf.Tensor


class Step(NamedTuple):
    """What all variables share in one step."""

    learning_rate: tf.Tensor
    # By the name of the dtypes that have a fused operation.
    scalars: dict[str, Scalars]


def adam_moments(
    optimizer: keras.optimizers.Adam, index: int
) -> tuple[keras.Variable, keras.Variable]:
    """The two moments of a variable, as Keras's Adam makes and saves them."""
    return optimizer._momentums[index], optimizer._velocities[index]


class FusedOptimizer(keras.optimizers.Optimizer, metaclass=abc.ABCMeta):
    """Adam's family: two moments of the gradient, and one fused operation a variable.

    An update reads and writes a variable and its moments once, where Keras's optimizers go over
    them twenty times. XLA compiles it too. Variables of float32 and float64 are updated so, by
    dense gradients; others by a rule in several operations.

    All options of `keras.optimizers.Optimizer` act as they do there: accumulation, clipping,
    decay, averages, loss scaling, and the learning rate, which can be assigned.

    Args:
      learning_rate: A number, a `LearningRateSchedule`, or a callable without arguments.
      **kwargs: Arguments of the Keras optimizer.

    Raises:
      ValueError: If the learning rate is none of these.

    Example:
      >>> [kind.__name__ for kind in tfglow.optimizers.FusedOptimizer.__subclasses__()]
      ['FusedAdam', 'OfficialAdamax']
      >>> isinstance(tfglow.optimizers.FusedAdam(1e-3), keras.optimizers.Optimizer)
      True
    """

    # Subclasses set them.
    beta_1: float
    beta_2: float
    epsilon: float

    def __init__(self, learning_rate: LearningRate, **kwargs: Any):
        if not callable(learning_rate):  # A schedule is callable too.
            learning_rate = check_number("learning_rate", learning_rate)
        super().__init__(learning_rate=learning_rate, **kwargs)
        self._strategy = tf.distribute.get_strategy()

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor | Step
    ) -> None:
        """Updates one variable."""
        dtype = tf.as_dtype(variable.dtype)
        step = learning_rate
        if not isinstance(step, Step):
            step = self._step(learning_rate, [dtype])
        if dtype.name in step.scalars and not isinstance(gradient, tf.IndexedSlices):
            self._update(variable, gradient, step.scalars[dtype.name])
        else:
            index = self._get_variable_index(variable)
            self._plain_update(gradient, variable, index, step.learning_rate)

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
          gradients: One for each variable that the optimizer was built for, in that order; dense.
          scale: Factor of the gradients, such as from clipping.

        Raises:
          ValueError: If the optimizer has options that only `apply` knows, such as weight decay,
            or variables are neither float32 nor float64.
        """
        dtypes = {tf.as_dtype(variable.dtype) for variable in self._trainable_variables}
        self._check_fused_alone(dtypes)
        step = self._step(self.learning_rate, dtypes)
        scalars = {name: _where(condition, of) for name, of in step.scalars.items()}
        scales = {
            dtype: tf.where(condition, tf.cast(scale, dtype), tf.zeros([], dtype))
            for dtype in dtypes
        }

        def update(variable, gradient):
            # 0 where `scale` is, whatever the gradient.
            gradient = tf.cast(gradient, variable.dtype)
            gradient = tf.math.multiply_no_nan(gradient, scales[gradient.dtype])
            self._update(variable, gradient, scalars[gradient.dtype.name])

        for variable, gradient in zip(self._trainable_variables, gradients, strict=True):
            variable = variable.value if isinstance(variable, keras.Variable) else variable
            self._strategy.extended.update(variable, update, (gradient,), group=False)
        with self._strategy.scope():
            self.iterations.assign_add(tf.cast(condition, self.iterations.dtype))

    @property
    def fused_dtypes(self) -> tuple[tf.DType, ...]:
        """The dtypes of variables that are updated by one operation."""
        return FUSED_DTYPES

    @abc.abstractmethod
    def _scalars(self, learning_rate: tf.Tensor, t: tf.Tensor, dtype: tf.DType) -> Scalars:
        """The scalars of step t = 1, 2, … (float64, `[]`)."""

    @abc.abstractmethod
    def _moments(self, index: int) -> tuple[keras.Variable, keras.Variable]:
        """The two moments of a variable."""

    @abc.abstractmethod
    def _fused_update(self, zero: tf.Tensor, **inputs: Any) -> None:
        """Runs the operation on its `var`, `m`, `v`, `grad`, `lr`, `beta1`, `beta2`, `epsilon`.

        Args:
          zero: See `Scalars`.
          **inputs: The operation's; `lr` is the whole step size.
        """

    @abc.abstractmethod
    def _plain_update(
        self,
        gradient: tf.Tensor | tf.IndexedSlices,
        variable: tf.Variable,
        index: int,
        learning_rate: tf.Tensor,
    ) -> None:
        """Updates a variable, of that index, for which there is no fused operation."""

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        # Here once a step, and not once a variable.
        dtypes = {tf.as_dtype(variable.dtype) for variable in trainable_variables}
        step = self._step(learning_rate, dtypes)
        super()._backend_update_step(grads, trainable_variables, step)

    def _step(self, learning_rate: Any, dtypes: Iterable[tf.DType]) -> Step:
        # A Python float becomes float64 at once: through float32 it would lose half its digits.
        of = tf.float64 if isinstance(learning_rate, float) else None
        learning_rate = tf.convert_to_tensor(learning_rate, of)
        t = tf.cast(self.iterations, tf.float64) + 1.0
        scalars = {
            dtype.name: self._scalars(learning_rate, t, dtype)
            for dtype in sorted(dtypes, key=str)
            if dtype in self.fused_dtypes
        }
        return Step(learning_rate, scalars)

    def _update(self, variable, gradient, scalars):
        m, v = self._moments(self._get_variable_index(variable))
        self._fused_update(
            zero=scalars.zero,
            var=variable.handle,
            m=m.handle,
            v=v.handle,
            grad=tf.cast(gradient, scalars.zero.dtype),
            lr=scalars.step_size,
            beta1=scalars.beta_1,
            beta2=scalars.beta_2,
            epsilon=scalars.epsilon,
        )

    def _check_fused_alone(self, dtypes):
        options = [
            f"{name}={getattr(self, name)}" for name in _OPTIONS if getattr(self, name, None)
        ]
        if options:
            raise ValueError(
                "`update_where` takes the gradients as they are: use `apply` for "
                f"{', '.join(options)}."
            )
        others = sorted(dtype.name for dtype in dtypes if dtype not in self.fused_dtypes)
        if others:
            raise ValueError(
                "`update_where` updates variables of float32 and float64, got "
                f"{', '.join(others)}: use `apply`."
            )


def check_number(name: str, value: Any) -> float:
    """`value` as a float, from whatever number it is, also NumPy's.

    Raises:
      ValueError: If it is none.
    """
    try:
        if isinstance(value, (str, bytes, bool)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{name}` must be a number, got {value!r}.") from error


def check_beta(name: str, value: Any) -> float:
    """A decay rate of moments as a float.

    Raises:
      ValueError: If it is not in [0, 1).
    """
    beta = check_number(name, value)
    if not 0 <= beta < 1:
        raise ValueError(f"`{name}` must be in [0, 1), got {value!r}.")
    return beta


def check_epsilon(value: Any) -> float:
    """ε as a float.

    Raises:
      ValueError: If it is not positive.
    """
    epsilon = check_number("epsilon", value)
    if not epsilon > 0:
        raise ValueError(f"`epsilon` must be positive, got {value!r}.")
    return epsilon


def _where(condition, scalars):
    """Scalars that change nothing where the condition is false.

    A moment is then 1·itself + 0·0, or max(1·itself, 0), and the variable itself − 0.
    """
    one = tf.ones_like(scalars.zero)
    return scalars._replace(
        step_size=tf.where(condition, scalars.step_size, scalars.zero),
        beta_1=tf.where(condition, scalars.beta_1, one),
        beta_2=tf.where(condition, scalars.beta_2, one),
    )
