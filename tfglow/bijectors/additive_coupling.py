"""The additive coupling."""

import tensorflow as tf

from tfglow.bijectors.coupling import Coupling
from tfglow.ops import shapes


class AdditiveCoupling(Coupling):
    """Shifts half of the channels by a function of the other half (section 3.3).

    With x = [x₁, x₂] the halves of `[H, W, C]`: y = [x₁, x₂ + network(x₁)], log |det| = 0.

    Args:
      network: From `[B, H, W, C/2]` to `[B, H, W, C/2]`: a built Keras layer or model, a
        `tf.Module`, or any callable. Both directions call it on the same x₁.
      dtype: Of the event; the network's output is cast to it.
      validate_args: Whether to check at run time that inputs are finite.
      name: Of the bijector.

    Raises:
      ValueError: If `network` is not callable or not built, returns another number of channels,
        or an input has an odd number of channels.
    """

    outputs_per_channel = 1

    def __init__(self, network, dtype=tf.float32, validate_args=False, name="additive_coupling"):
        parameters = dict(locals())
        super().__init__(
            network,
            parameters=parameters,
            dtype=dtype,
            validate_args=validate_args,
            is_constant_jacobian=True,
            name=name,
        )

    def _forward_and_log_det(self, x):
        x1, x2 = shapes.split_channels(x)
        return shapes.join_channels(x1, x2 + self._run_network(x1)), tf.zeros([], x.dtype)

    def _inverse_and_log_det(self, y):
        y1, y2 = shapes.split_channels(y)
        return shapes.join_channels(y1, y2 - self._run_network(y1)), tf.zeros([], y.dtype)
