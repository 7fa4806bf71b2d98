"""The base of every bijector here: a direction's value and log-det come from one pass."""

import abc
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability.python.internal import cache_util

from tfglow.bijectors import shapes

tfb = tfp.bijectors

# The attribute of a graph that holds what was computed in it.
_GRAPH_STORAGE = "_tfglow_bijector_cache"


def own_name(variable: tf.Variable) -> str:
    """The name that a variable was created with, without the scopes that were open then."""
    return variable.name.rpartition("/")[2].partition(":")[0]


class _OnePassCache(cache_util.BijectorCacheWithGreedyAttrs):
    """TFP's cache, with a key and a lifetime that fit bijectors that own variables.

    A tensor that two replicas or two functions share would be answered with the other's result:
    the key also holds the replica, and each graph has a cache of its own, which goes with it (in
    a common one, a log-det keeps its graph alive, and with it all that the graph holds).

    A log-det is forgotten with the value that it was computed with: TFP keeps it as long as the
    input lives, so that an eager training step on the same batch would get the log-det of the
    step before.
    """

    def __get__(self, bijector, bijector_class=None):
        context = tf.distribute.get_replica_context()
        replica = None if context is None else context.replica_id_in_sync_group
        if tf.is_tensor(replica):
            replica = id(context)
        bound = super().__get__(bijector, (bijector_class, replica))
        if not tf.executing_eagerly():
            graph = tf.compat.v1.get_default_graph()
            if not hasattr(graph, _GRAPH_STORAGE):
                setattr(graph, _GRAPH_STORAGE, cache_util.EphemeralDict())
            bound.storage = getattr(graph, _GRAPH_STORAGE)
        return bound

    def _attributes(self, input, fn_name, **kwargs):  # noqa: A002 (TFP's own name)
        edge = self._get_or_create_edge(input, fn_name, kwargs)
        if not edge.output_ref:
            edge.attributes.clear()
        return edge.attributes


class OnePassBijector(tfb.Bijector, metaclass=abc.ABCMeta):
    """A bijector whose value and log-det are computed together, once a direction.

    To write one: call `super().__init__` with the constructor's `parameters`, create variables
    as `tf.Variable`, and implement `_forward_and_log_det` and `_inverse_and_log_det` for one
    batch dimension. `forward`, `inverse` and both log-dets of TFP's interface derive from them
    here, through TFP's cache, for any batch shape. A composition calls `forward_and_log_det`
    and `inverse_and_log_det` of its parts and pays for no bookkeeping.

    As everywhere in TFP, an eager call with a tensor that was seen before returns what was
    computed then, as long as that result is still alive, whatever variables became since.

    Bijectors are equal only to themselves. (TFP compares constructor parameters, and would take
    two layers of the same size, with different variables, for each other in its cache.)
    """

    _cache = _OnePassCache(
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

    def _forward_log_det_jacobian(self, x, **kwargs):
        y = self._cache.forward(x, **kwargs)
        log_det = -self._cache.forward_attributes(x, **kwargs)["ildj"]
        del y  # Alive until here: the cache forgets a log-det with its value.
        return log_det

    def _inverse_log_det_jacobian(self, y, **kwargs):
        x = self._cache.inverse(y, **kwargs)
        log_det = self._cache.inverse_attributes(y, **kwargs)["ildj"]
        del x
        return log_det

    def _forward(self, x, **kwargs):
        return self.forward_and_log_det(x, **kwargs)[0]

    def _inverse(self, y, **kwargs):
        return self.inverse_and_log_det(y, **kwargs)[0]

    @classmethod
    def _parameter_properties(cls, dtype):
        # No constructor argument has a batch shape of its own.
        return {}
