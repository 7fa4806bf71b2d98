"""What both couplings share: one half of the channels decides what happens to the other."""

import posixpath
from collections.abc import Callable, Sequence

import tensorflow as tf

from tfglow.bijectors.one_pass_bijector import OnePassBijector, own_name


class Coupling(OnePassBijector):
    """The base of couplings, y = [x₁, g(x₂; network(x₁))] on the halves of `[H, W, C]`.

    Subclasses say how many outputs a channel of x₂ needs, and what they do to it.
    """

    # Channels that the network must return for each channel of x₂.
    outputs_per_channel: int

    def __init__(self, network, *, parameters, dtype, validate_args, is_constant_jacobian, name):
        if not callable(network):
            raise ValueError(
                f"`network` of {name} must be a callable from [B, H, W, C/2] to "
                f"[B, H, W, {self.outputs_per_channel}·C/2], got {network!r}."
            )
        if getattr(network, "built", True) is False:
            raise ValueError(
                f"`network` of {name} must be built, so that its variables exist: call "
                f"network.build(input_shape) on {network!r} first."
            )
        super().__init__(
            parameters=parameters,
            dtype=dtype,
            validate_args=validate_args,
            is_constant_jacobian=is_constant_jacobian,
            name=name,
        )
        self._network = self._no_dependency(network)
        # tf.Module sees no Keras variable: it is shown the tf.Variable inside.
        self._network_variables = list(named_network_variables(network).values())

    @property
    def network(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Maps x₁, `[B, H, W, C/2]`, to the parameters of x₂'s map."""
        return self._network

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The network's variables by their paths in it, such as `conv_1/kernel`."""
        return named_network_variables(self._network)

    @property
    def network_weights(self) -> list[tf.Tensor]:
        """What `with_network_weights` takes: values of a Keras network's trainable variables."""
        # Read here, in the replica that asks: a `tf.function` takes a variable of a distribution
        # strategy for a constant, and would go on with that of its first call.
        return [tf.convert_to_tensor(v.value) for v in self._network.trainable_variables]

    def with_network_weights(self, values: Sequence[tf.Tensor]) -> "Coupling":
        """The same coupling with other weights in its Keras network, as a pure function of them."""
        frozen = [variable.value for variable in self._network.non_trainable_variables]
        return type(self)(
            lambda x1: self._network.stateless_call(values, frozen, x1)[0],
            dtype=self.dtype,
            validate_args=self.validate_args,
            name=self.name,
        )

    def initialize(self, x: tf.Tensor) -> tf.Tensor:
        """Initialises the network, if it can, on one batch; returns the coupling's output on it.

        Args:
          x: `[B, H, W, C]`.
        """
        x = tf.convert_to_tensor(x, self.dtype)
        self._check_event_shape(x.shape[-3:])
        x1, _ = tf.split(x, 2, axis=-1)
        if hasattr(self._network, "initialize"):
            self._network.initialize(x1)
        return self.forward_and_log_det(x)[0]

    def _run_network(self, x1: tf.Tensor) -> tf.Tensor:
        """The network's output in the flow's dtype, checked, `[B, H, W, outputs·C/2]`."""
        h = tf.cast(self._network(x1), self.dtype)
        expected = None if x1.shape[-1] is None else self.outputs_per_channel * x1.shape[-1]
        if expected is not None and h.shape[-1] not in (None, expected):
            raise ValueError(
                f"`network` of {self.name} must return {expected} channels for an input of "
                f"{x1.shape[-1]}, got {h.shape[-1]}."
            )
        return h

    def _check_event_shape(self, event_shape):
        super()._check_event_shape(event_shape)
        channels = event_shape[-1]
        if channels is not None and channels % 2:
            raise ValueError(
                f"{self.name} needs an even number of channels to split in half, got {channels} "
                f"(event shape {event_shape})."
            )


def named_network_variables(network: Callable) -> dict[str, tf.Variable]:
    """The `tf.Variable`s of a network, Keras's among them, by path or else by name."""
    variables = list(getattr(network, "variables", ()))
    keras_paths = [v.path for v in variables if not isinstance(v, tf.Variable)]
    # Above the network's own, a folder of all paths is the scope that it happened to be built in.
    scope = posixpath.commonpath([posixpath.dirname(path) for path in keras_paths] or [""])
    if posixpath.basename(scope) == getattr(network, "name", None):
        scope = posixpath.dirname(scope)
    named = {}
    for variable in variables:
        if isinstance(variable, tf.Variable):
            path, value = own_name(variable), variable
        else:  # A keras.Variable, which holds a tf.Variable.
            path, value = variable.path.removeprefix(f"{scope}/"), variable.value
        named[path if path not in named else f"{path}_{len(named)}"] = value
    return named
