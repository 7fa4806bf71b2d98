"""The affine coupling."""

import tensorflow as tf

from tfglow.bijectors.coupling import Coupling
from tfglow.ops import shapes


class AffineCoupling(Coupling):
    """Shifts and scales half of the channels by functions of the other half (section 3.3).

    With x = [x₁, x₂] the halves of `[H, W, C]` and [t, h] = network(x₁), interleaved (even
    channels t, odd channels h): y = [x₁, (x₂ + t)·s], s = sigmoid(h + 2);
    log |det| = Σ log s over H, W and C/2 (nats).

    Args:
      network: From `[B, H, W, C/2]` to `[B, H, W, C]`: a built Keras layer or model, a
        `tf.Module`, or any callable. Both directions call it on the same x₁.
      dtype: Of the event; the network's output is cast to it.
      validate_args: Whether to check at run time that inputs are finite.
      name: Of the bijector.

    Raises:
      ValueError: If `network` is not callable or not built, returns another number of channels,
        or an input has an odd number of channels.
    """

    outputs_per_channel = 2

    def __init__(self, network, dtype=tf.float32, validate_args=False, name="affine_coupling"):
        parameters = dict(locals())
        super().__init__(
            network,
            parameters=parameters,
            dtype=dtype,
            validate_args=validate_args,
            is_constant_jacobian=False,
            name=name,
        )

    def shift_and_log_scale(self, x1: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """t and log s for x₁, each `[B, H, W, C/2]`."""
        shift, logit = shapes.split_pairs(self._run_network(x1))
        return shift, tf.math.log_sigmoid(logit + 2.0)

    def _forward_and_log_det(self, x):
        x1, x2 = shapes.split_channels(x)
        shift, log_scale = self.shift_and_log_scale(x1)
        y2 = (x2 + shift) * tf.exp(log_scale)
        return shapes.join_channels(x1, y2), tf.reduce_sum(log_scale, axis=[1, 2, 3])

    def _inverse_and_log_det(self, y):
        y1, y2 = shapes.split_channels(y)
        shift, log_scale = self.shift_and_log_scale(y1)
        x2 = y2 * tf.exp(-log_scale) - shift
        return shapes.join_channels(y1, x2), -tf.reduce_sum(log_scale, axis=[1, 2, 3])
