"""One step of the flow."""

import tensorflow as tf

from tfglow.bijectors import channel_map
from tfglow.bijectors.actnorm import ActNorm
from tfglow.bijectors.channel_map import ChannelMap, PermutationWeights
from tfglow.bijectors.coupling import Coupling, Network, sum_over_event
from tfglow.bijectors.invertible_1x1_conv import Invertible1x1Conv
from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.bijectors.reverse_channels import ReverseChannels
from tfglow.bijectors.shuffle_channels import ChannelOrder, ShuffleChannels
from tfglow.checks import check_rows

Permutation = Invertible1x1Conv | ShuffleChannels | ReverseChannels


def forward(
    x: tf.Tensor, channels: ChannelMap | Network, coupling: type[Coupling], network: Network
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """A step of the flow as a function of what it computes with.

    Args:
      x: `[B, H, W, C]`.
      channels: ActNorm and permutation as one map of the channels, such as a `ChannelMap`.
      coupling: The coupling's class.
      network: The coupling's network.

    Returns:
      y, and the log-scales whose sum is the coupling's log |det|, `[B, H, W, C/2]`; None where
      they are 0.
    """
    return coupling.forward_map(channels(x), network)


def inverse(
    y: tf.Tensor, channels: ChannelMap | Network, coupling: type[Coupling], network: Network
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """The inverse of `forward`; `channels` is the inverse map, such as `ChannelMap.inverse` gives.

    Returns:
      x, and the log-scales of `forward`, whose sum is minus the inverse coupling's log |det|.
    """
    x, log_scale = coupling.inverse_map(y, network)
    return channels(x), log_scale


class FlowStep(OnePassBijector):
    """ActNorm, then a permutation of the channels, then a coupling, on `[H, W, C]` (figure 2a).

    log |det| is the sum of the three. ActNorm and permutation are one map of the channels.

    Args:
      actnorm: An `ActNorm`.
      permutation: An `Invertible1x1Conv`, `ShuffleChannels` or `ReverseChannels`.
      coupling: An `AffineCoupling` or `AdditiveCoupling`.
      dtype: Dtype of the event.
      validate_args: Whether to check at run time that inputs are finite.
      name: Name of the bijector.

    Raises:
      ValueError: If a part is not one of these bijectors, or has another dtype.

    Example:
      >>> network = tfglow.networks.CouplingNetwork(in_channels=2, out_channels=4, width=8, seed=0)
      >>> step = tfglow.bijectors.FlowStep(
      ...     tfglow.bijectors.ActNorm(4),
      ...     tfglow.bijectors.Invertible1x1Conv(4, seed=0),
      ...     tfglow.bijectors.AffineCoupling(network),
      ... )
      >>> x = tf.random.stateless_normal([2, 4, 4, 4], seed=[1, 2])
      >>> bool(np.allclose(step.inverse(step.forward(x)), x, atol=1e-5))
      True
      >>> step.forward_log_det_jacobian(x).numpy().round(3)  # A rotation adds nothing.
      array([-4.062, -4.062], dtype=float32)
    """

    num_channels: int  # Never None here.

    def __init__(
        self,
        actnorm: ActNorm,
        permutation: Permutation,
        coupling: Coupling,
        dtype: tf.DType = tf.float32,
        validate_args: bool = False,
        name: str = "flow_step",
    ):
        parameters = dict(locals())
        for part_name, part, kinds in (
            ("actnorm", actnorm, ActNorm),
            ("permutation", permutation, Permutation),
            ("coupling", coupling, Coupling),
        ):
            if not isinstance(part, kinds) or part.dtype != dtype:
                raise ValueError(
                    f"`{part_name}` of {name} must be a tfglow bijector of dtype "
                    f"{tf.as_dtype(dtype).name}, got {part!r}."
                )
        super().__init__(
            parameters=parameters,
            num_channels=actnorm.num_channels,
            dtype=dtype,
            validate_args=validate_args,
            name=name,
        )
        self.actnorm = actnorm
        self.permutation = permutation
        self.coupling = coupling

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """Every variable by its part and its own name: `actnorm/logs`."""
        parts = {
            "actnorm": self.actnorm,
            "permutation": self.permutation,
            "coupling": self.coupling,
        }
        return {
            f"{part_name}/{name}": variable
            for part_name, part in parts.items()
            for name, variable in part.named_variables.items()
        }

    def initialize(self, x: tf.Tensor) -> tf.Tensor:
        """Initialises the parts in order on one batch `[B, H, W, C]`; returns the output on it."""
        x = tf.convert_to_tensor(x, self.dtype)
        check_rows(x, self.name)
        x = self.actnorm.initialize(x)
        x, _ = self.permutation.forward_and_log_det(x)
        return self.coupling.initialize(x)

    def _forward_and_log_det(self, x):
        channels = ChannelMap.forward(self.actnorm.weights, self._permutation_weights)
        y, log_scale = forward(x, channels, type(self.coupling), self.coupling.run_network)
        return y, sum_over_event(log_scale, x) + self._channels_log_det(x)

    def _inverse_and_log_det(self, y):
        channels = ChannelMap.inverse(self.actnorm.weights, self._permutation_weights)
        x, log_scale = inverse(y, channels, type(self.coupling), self.coupling.run_network)
        return x, -sum_over_event(log_scale, y) - self._channels_log_det(y)

    @property
    def _permutation_weights(self) -> PermutationWeights:
        if isinstance(self.permutation, ReverseChannels):
            return ChannelOrder.reverse(self.num_channels)
        return self.permutation.weights

    def _channels_log_det(self, x):
        return channel_map.log_abs_det_of_image(self.actnorm.weights, self._permutation_weights, x)
