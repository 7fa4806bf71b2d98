"""The base of every bijector here: a direction's value and log-det come from one pass."""

import abc
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfglow.bijectors.one_pass_cache import OnePassCache
from tfglow.ops import shapes

tfb = tfp.bijectors


def own_name(variable: tf.Variable) -> str:
    """The name that a variable was created with, without the scopes that were open then."""
    return variable.name.rpartition("/")[2].partition(":")[0]


class OnePassBijector(tfb.Bijector, metaclass=abc.ABCMeta):
    """A bijector whose value and log-det are computed together, once a direction.

    To write one: call `super().__init__` with the constructor's `parameters`, create variables
    as `tf.Variable`, and implement `_forward_and_log_det` and `_inverse_and_log_det` for one
    batch dimension. `forward`, `inverse` and both log-dets of TFP's interface derive from them
    here, through TFP's cache, for any batch shape. A composition calls `forward_and_log_det`
    and `inverse_and_log_det` of its parts and pays for no bookkeeping.

    Bijectors are equal only to themselves. (TFP compares constructor parameters, and would take
    two layers of the same size, with different variables, for each other in its cache.)
    """

    _cache = OnePassCache(
        forward_name="_value_and_attributes_forward",
        inverse_name="_value_and_attributes_inverse",
    )

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
        sized = num_channels is not None or "num_channels" in parameters
        if sized and (type(num_channels) is not int or num_channels < 1):
            raise ValueError(
                f"`num_channels` of {name} must be a positive integer, got {num_channels!r}."
            )
        self._num_channels = num_channels
        super().__init__(
            forward_min_event_ndims=forward_event_ndims,
            inverse_min_event_ndims=inverse_event_ndims,
            is_constant_jacobian=is_constant_jacobian,
            dtype=tf.as_dtype(dtype),
            validate_args=validate_args,
            parameters=parameters,
            name=name,
        )

    __hash__ = object.__hash__

    def __eq__(self, other: Any) -> bool:
        return self is other

    @property
    def num_channels(self) -> int | None:
        """C of the event, where the layer is built for one."""
        return self._num_channels

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The layer's own variables by name."""
        return {own_name(variable): variable for variable in self.variables}

    def forward_and_log_det(self, x: tf.Tensor, **kwargs) -> tuple[tf.Tensor, tf.Tensor]:
        """y = f(x) and log |det dy/dx| (nats), of shape [] where it is the same for every x."""
        return self._in_one_pass(self._forward_and_log_det, x, self.forward_min_event_ndims, kwargs)

    def inverse_and_log_det(self, y: tf.Tensor, **kwargs) -> tuple[tf.Tensor, tf.Tensor]:
        """x = f⁻¹(y) and log |det dx/dy| (nats), of shape [] where it is the same for every y."""
        return self._in_one_pass(self._inverse_and_log_det, y, self.inverse_min_event_ndims, kwargs)

    @abc.abstractmethod
    def _forward_and_log_det(self, x: tf.Tensor, **kwargs) -> tuple[tf.Tensor, tf.Tensor]:
        """As `forward_and_log_det`, for exactly one batch dimension."""

    @abc.abstractmethod
    def _inverse_and_log_det(self, y: tf.Tensor, **kwargs) -> tuple[tf.Tensor, tf.Tensor]:
        """As `inverse_and_log_det`, for exactly one batch dimension."""

    # There is no control flow for AutoGraph here, and much code to go through: it is left out.
    @tf.autograph.experimental.do_not_convert
    def _in_one_pass(self, function, x, event_ndims, kwargs):
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
        with tf.control_dependencies(self._runtime_checks(x) if self.validate_args else []):
            batch_shape = shapes.shape_list(x)[:-event_ndims]
            kwargs = {
                name: tf.reshape(tf.broadcast_to(value, batch_shape), [-1])
                for name, value in kwargs.items()
                if value is not None
            }
            if x.shape.rank == event_ndims + 1:
                return function(x, **kwargs)
            y, log_det = function(shapes.flatten_batch(x, event_ndims), **kwargs)
            y = shapes.unflatten_batch(y, batch_shape)
            if log_det.shape.rank:
                log_det = tf.reshape(log_det, batch_shape)
            return y, log_det

    def _check_event_shape(self, event_shape: tf.TensorShape) -> None:
        """Refuses an event that does not fit the layer, as far as its shape is static."""
        channels = event_shape[-1]
        if self._num_channels is not None and channels not in (None, self._num_channels):
            raise ValueError(
                f"{self.name} was built for num_channels = {self._num_channels}, "
                f"got an input with {channels} channels (event shape {event_shape})."
            )

    def _runtime_checks(self, x: tf.Tensor) -> list[tf.Operation]:
        """What `validate_args` adds."""
        return [tf.debugging.assert_all_finite(x, f"The input of {self.name} is not finite.")]

    # TFP's interface.

    def _value_and_attributes_forward(self, x, **kwargs):
        y, log_det = self.forward_and_log_det(x, **kwargs)
        return y, {"ildj": -log_det}

    def _value_and_attributes_inverse(self, y, **kwargs):
        x, log_det = self.inverse_and_log_det(y, **kwargs)
        return x, {"ildj": log_det}

    # These are called where the cache has no log-det.

    def _forward_log_det_jacobian(self, x, **kwargs):
        return self.forward_and_log_det(x, **kwargs)[1]

    def _inverse_log_det_jacobian(self, y, **kwargs):
        return self.inverse_and_log_det(y, **kwargs)[1]

    def _forward(self, x, **kwargs):
        return self.forward_and_log_det(x, **kwargs)[0]

    def _inverse(self, y, **kwargs):
        return self.inverse_and_log_det(y, **kwargs)[0]

    @classmethod
    def _parameter_properties(cls, dtype):
        # No constructor argument has a batch shape of its own.
        return {}
