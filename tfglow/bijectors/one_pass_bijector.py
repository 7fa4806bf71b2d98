"""The base of every bijector here: value and log-det come from one pass."""

import abc
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfglow.checks import check_bool, check_positive_integer
from tfglow.keras_calls import RunByKeras
from tfglow.ops import shapes


def own_name(variable: tf.Variable) -> str:
    """The name that a variable was created with, without the scopes that were open then."""
    return variable.name.rpartition("/")[2].partition(":")[0]


# Arguments by which a copy is no other function.
_NOT_LEARNED = {"dtype", "name", "network_dtype", "recompute", "scan", "validate_args"}


class _NoMemory:
    """A cache for TFP's bijectors that remembers nothing, and so answers with nothing stale.

    TFP's own answers with what it computed for a tensor for as long as that is alive, whatever a
    variable has become since, and in whichever replica it was.
    """

    def __init__(self, bijector: "OnePassBijector | None" = None):
        self._bijector: Any = bijector  # None on the class itself, where nobody calls it.

    def __get__(self, bijector: "OnePassBijector | None", owner: type) -> "_NoMemory":
        return self if bijector is None else _NoMemory(bijector)

    def forward(self, x: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        return self._bijector.forward_and_log_det(x, **kwargs)[0]

    def inverse(self, y: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        return self._bijector.inverse_and_log_det(y, **kwargs)[0]

    def forward_attributes(self, x: tf.Tensor, **kwargs: Any) -> dict[str, tf.Tensor]:
        return {}

    def inverse_attributes(self, y: tf.Tensor, **kwargs: Any) -> dict[str, tf.Tensor]:
        return {}


class OnePassBijector(RunByKeras, tfb.Bijector, metaclass=abc.ABCMeta):
    """A bijector that computes value and log-det together, in each direction.

    To write one: call `super().__init__` with the constructor's `parameters`, create variables
    as `tf.Variable`, and implement `_forward_and_log_det` and `_inverse_and_log_det` for one
    batch dimension of at least one row. `forward`, `inverse` and both log-dets of TFP's interface
    derive from them here, for any batch shape. Whoever needs both value and log-det calls
    `forward_and_log_det` or `inverse_and_log_det`, as `FlowDistribution` does.

    Bijectors are equal only to themselves. (TFP compares constructor parameters, and would take
    two layers of the same size, with different variables, for each other.)

    `copy.deepcopy` and pickle make a bijector again, from copies of its parameters, and give it
    the values of its variables: so a copy computes with the variables that it shows.

    A Keras layer sees no variables of a bijector that it holds as it is: the first call inside one
    warns. `tfglow.BijectorLayer` holds bijectors so that Keras trains and saves them.

    Example:
      >>> class Doubling(tfglow.bijectors.OnePassBijector):
      ...     def __init__(self, dtype=tf.float32, validate_args=False, name="doubling"):
      ...         super().__init__(
      ...             parameters=dict(locals()), dtype=dtype, validate_args=validate_args, name=name
      ...         )
      ...
      ...     def _forward_and_log_det(self, x):
      ...         log_det = float(np.prod(x.shape[1:])) * np.log(2.0)
      ...         return 2.0 * x, tf.fill([x.shape[0]], tf.cast(log_det, x.dtype))
      ...
      ...     def _inverse_and_log_det(self, y):
      ...         log_det = float(np.prod(y.shape[1:])) * np.log(2.0)
      ...         return 0.5 * y, tf.fill([y.shape[0]], tf.cast(-log_det, y.dtype))
      >>> y, log_det = Doubling().forward_and_log_det(tf.ones([1, 2, 2, 1]))
      >>> log_det.numpy().round(3)  # 4·ln 2
      array([2.773], dtype=float32)
    """

    # TFP asks this attribute of a bijector for values and log-dets; `tfb.FFJORD` sets it too.
    _cache = _NoMemory()

    def __init__(
        self,
        *,
        parameters: dict[str, Any],
        dtype: tf.DType,
        validate_args: bool,
        name: str,
        num_channels: int | None = None,
        is_constant_jacobian: bool = False,
        forward_event_ndims: int = 3,
        inverse_event_ndims: int = 3,
    ):
        # A subclass that takes the argument names it among its parameters.
        if num_channels is not None or "num_channels" in parameters:
            num_channels = check_positive_integer("num_channels", num_channels, name)
        self._num_channels = num_channels
        super().__init__(
            forward_min_event_ndims=forward_event_ndims,
            inverse_min_event_ndims=inverse_event_ndims,
            is_constant_jacobian=is_constant_jacobian,
            dtype=tf.as_dtype(dtype),
            validate_args=check_bool("validate_args", validate_args, name),
            parameters=parameters,
            name=name,
        )

    __hash__ = object.__hash__

    def __eq__(self, other: Any) -> bool:
        return self is other

    def __reduce__(self) -> tuple[Any, ...]:
        values = [variable.numpy() for variable in self.variables]
        return _made_again, (type(self), self.parameters, values)

    def copy(self, **override_parameters: Any) -> "OnePassBijector":
        """A bijector of the same arguments, but for those that are given, and the same values.

        What is an argument, such as a coupling's network, is shared. Variables of its own have the
        values of this one's, unless an argument is given that says what is learned, such as
        `num_channels`, `seed` or `config`: then they start anew.
        """
        twin = super().copy(**override_parameters)
        if _NOT_LEARNED.issuperset(override_parameters):
            for ours, theirs in zip(self.variables, twin.variables, strict=True):
                if theirs is not ours:
                    theirs.assign(tf.cast(ours, theirs.dtype))
        return twin

    @property
    def num_channels(self) -> int | None:
        """C of the event; None for a layer that takes any."""
        return self._num_channels

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The layer's own variables by name."""
        return {own_name(variable): variable for variable in self.variables}

    def forward_and_log_det(self, x: tf.Tensor, **kwargs: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """y = f(x) and log |det dy/dx| (nats), of shape [] where it is the same for every x."""
        return self._in_one_pass(self._forward_and_log_det, x, self.forward_min_event_ndims, kwargs)

    def inverse_and_log_det(self, y: tf.Tensor, **kwargs: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """x = f⁻¹(y) and log |det dx/dy| (nats), of shape [] where it is the same for every y."""
        return self._in_one_pass(self._inverse_and_log_det, y, self.inverse_min_event_ndims, kwargs)

    @abc.abstractmethod
    def _forward_and_log_det(
        self, x: tf.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `forward_and_log_det`, for exactly one batch dimension."""

    @abc.abstractmethod
    def _inverse_and_log_det(
        self, y: tf.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `inverse_and_log_det`, for exactly one batch dimension."""

    # There is no control flow for AutoGraph here, and much code to go through: it is left out.
    @tf.autograph.experimental.do_not_convert
    def _in_one_pass(self, function, x, event_ndims, kwargs):
        self._ask_keras()
        x = self._checked(x, event_ndims)
        batch_shape = shapes.shape_list(x)[:-event_ndims]
        given = {name: value for name, value in kwargs.items() if value is not None}
        # What a map is told besides its input is one for each row, but for a dtype.
        rows = {
            name: tf.reshape(tf.broadcast_to(value, batch_shape), [-1])
            for name, value in given.items()
            if not isinstance(value, tf.DType)
        }
        num_rows = x.shape[0] if x.shape.rank == event_ndims + 1 else None
        if not num_rows:
            x = shapes.flatten_batch(x, event_ndims)
            x, *padded = shapes.at_least_one_row(x, *rows.values())
            rows = dict(zip(rows, padded, strict=True))
        y, log_det = function(x, **{**given, **rows})
        if num_rows:
            return y, log_det
        size = tf.reduce_prod(batch_shape) if batch_shape else 1
        y = shapes.unflatten_batch(y[:size], batch_shape)
        if log_det.shape.rank:
            log_det = tf.reshape(log_det[:size], batch_shape)
        return y, log_det

    def _checked(self, x, event_ndims):
        x = tf.convert_to_tensor(x, self.dtype)
        if x.shape.rank is None or x.shape.rank < event_ndims:
            raise ValueError(
                f"{self.name} needs an input of at least {event_ndims} dimensions, "
                f"got shape {x.shape}."
            )
        self._check_event_shape(x.shape[-event_ndims:])
        if self._num_channels is not None and x.shape[-1] is None:
            # A number of channels that is not static is checked where it is known.
            x = tf.ensure_shape(x, [*x.shape[:-1], self._num_channels])
        return self._checked_at_run_time(x) if self.validate_args else x

    def _check_event_shape(self, event_shape: tf.TensorShape) -> None:
        """Refuses an event that does not fit the layer, as far as its shape is static."""
        channels = event_shape[-1]
        if self._num_channels is not None and channels not in (None, self._num_channels):
            raise ValueError(
                f"{self.name} was built for num_channels = {self._num_channels}, "
                f"got an input with {channels} channels (event shape {event_shape})."
            )

    def _checked_at_run_time(self, x: tf.Tensor) -> tf.Tensor:
        """`x`, checked as `validate_args` asks."""
        return tf.debugging.check_numerics(x, f"The input of {self.name} is not finite.")

    # TFP's interface. Values and log-dets that TFP asks for apart are computed apart.

    def _forward(self, x, **kwargs):
        return self.forward_and_log_det(x, **kwargs)[0]

    def _inverse(self, y, **kwargs):
        return self.inverse_and_log_det(y, **kwargs)[0]

    def _forward_log_det_jacobian(self, x, **kwargs):
        return self.forward_and_log_det(x, **kwargs)[1]

    def _inverse_log_det_jacobian(self, y, **kwargs):
        return self.inverse_and_log_det(y, **kwargs)[1]

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType | None) -> dict[str, Any]:
        # No constructor argument has a batch shape of its own.
        return {}


def _made_again(kind, parameters, values):
    bijector = kind(**parameters)
    for variable, value in zip(bijector.variables, values, strict=True):
        variable.assign(value)
    return bijector
