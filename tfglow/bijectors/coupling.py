"""What both couplings share: one half of the channels decides what happens to the other."""

import abc
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfglow.bijectors.one_pass_bijector import OnePassBijector, own_name
from tfglow.checks import check_rows
from tfglow.held_variables import held_variables
from tfglow.ops import shapes

Network = Callable[[tf.Tensor], tf.Tensor]


class Coupling(OnePassBijector):
    """The base of couplings, y = [x₁, g(x₂; network(x₁))] on the halves of `[H, W, C]`.

    Subclasses say how many outputs a channel of x₂ needs, and what they do to it: as functions of
    x₂ and h = network(x₁) alone, which every step of a flow runs, whoever owns its weights.
    """

    # Channels that the network must return for each channel of x₂.
    outputs_per_channel: int
    # Whether it scales; one that does not has no log-scales, and log |det| = 0.
    scales: bool

    def __init__(
        self,
        network: Network,
        *,
        parameters: dict[str, Any],
        dtype: tf.DType,
        validate_args: bool,
        name: str,
    ):
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
        super().__init__(parameters=parameters, dtype=dtype, validate_args=validate_args, name=name)
        self.network = network
        if not isinstance(network, tf.Module):
            # tf.Module sees no Keras variable: it is shown the tf.Variable inside.
            self._network_variables = list(_named_variables(network).values())

    @staticmethod
    @abc.abstractmethod
    def forward_half(x2: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """y₂ and its log-scales, `[B, H, W, C/2]` each; None where they are 0."""

    @staticmethod
    @abc.abstractmethod
    def inverse_half(y2: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """x₂ and the log-scales of `forward_half`, `[B, H, W, C/2]` each; None where they are 0."""

    @classmethod
    def forward_map(cls, x: tf.Tensor, network: Network) -> tuple[tf.Tensor, tf.Tensor | None]:
        """y with any network, and the log-scales whose sum is log |det|; see `forward_half`."""
        x1, x2 = shapes.split_channels(x)
        y2, log_scale = cls.forward_half(x2, tf.cast(network(x1), x.dtype))
        return shapes.join_channels(x1, y2), log_scale

    @classmethod
    def inverse_map(cls, y: tf.Tensor, network: Network) -> tuple[tf.Tensor, tf.Tensor | None]:
        """x with any network, and the log-scales whose sum is −log |det|; see `inverse_half`."""
        y1, y2 = shapes.split_channels(y)
        x2, log_scale = cls.inverse_half(y2, tf.cast(network(y1), y.dtype))
        return shapes.join_channels(y1, x2), log_scale

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The network's variables by their names in it, such as `conv_1/kernel`."""
        return _named_variables(self.network)

    def initialize(self, x: tf.Tensor) -> tf.Tensor:
        """Initialises the network, if it can, on one batch; returns the coupling's output on it.

        Args:
          x: One batch, `[B, H, W, C]`.
        """
        x = tf.convert_to_tensor(x, self.dtype)
        self._check_event_shape(x.shape[-3:])
        check_rows(x, self.name)
        if hasattr(self.network, "initialize"):
            self.network.initialize(shapes.split_channels(x)[0])
        return self.forward_and_log_det(x)[0]

    def _forward_and_log_det(self, x):
        y, log_scale = self.forward_map(x, self.run_network)
        return y, sum_over_event(log_scale, x)

    def _inverse_and_log_det(self, y):
        x, log_scale = self.inverse_map(y, self.run_network)
        return x, -sum_over_event(log_scale, y)

    def run_network(self, x1: tf.Tensor) -> tf.Tensor:
        """The network's output, `[B, H, W, outputs_per_channel·C/2]`.

        Raises:
          ValueError: If it has another number of channels.
        """
        h = self.network(x1)
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


def sum_over_event(log_scale: tf.Tensor | None, x: tf.Tensor) -> tf.Tensor:
    """Σ over H, W and C of log-scales, `[B]`; 0, `[]`, where there are none."""
    return tf.zeros([], x.dtype) if log_scale is None else tf.reduce_sum(log_scale, axis=[1, 2, 3])


def _named_variables(network):
    """The `tf.Variable`s of a network, Keras's among them, and of a function what it uses."""
    if hasattr(network, "named_variables"):
        return network.named_variables
    named: dict[str, tf.Variable] = {}
    variables = network.variables if hasattr(network, "variables") else held_variables(network)
    for variable in variables:
        if isinstance(variable, tf.Variable):
            name, value = own_name(variable), variable
        else:  # A keras.Variable, which holds a tf.Variable.
            name, value = "/".join(variable.path.split("/")[-2:]), variable.value
        named[name if name not in named else f"{name}_{len(named)}"] = value
    return named
