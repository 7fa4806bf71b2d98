"""The affine coupling."""

import tensorflow as tf

from tfglow.bijectors.coupling import Coupling, Network
from tfglow.ops import shapes


class AffineCoupling(Coupling):
    """Shifts and scales half of the channels by functions of the other half (section 3.3).

    With x = [x₁, x₂] the halves of `[H, W, C]` and [t, h] = network(x₁), interleaved (even
    channels t, odd channels h): y = [x₁, (x₂ + t)·s], s = sigmoid(h + 2);
    log |det| = Σ log s over H, W and C/2 (nats).

    Args:
      network: A map from `[B, H, W, C/2]` to `[B, H, W, C]`: a built Keras layer or model, a
        `tf.Module`, or any callable. Both directions call it on the same x₁.
      dtype: Dtype of the event; the network's output is cast to it.
      validate_args: Whether to check at run time that inputs are finite.
      name: Name of the bijector.

    Raises:
      ValueError: If `network` is not callable or not built, returns another number of channels,
        or an input has an odd number of channels.

    Example:
      >>> network = tfglow.networks.CouplingNetwork(in_channels=2, out_channels=4, width=8, seed=0)
      >>> coupling = tfglow.bijectors.AffineCoupling(network)
      >>> x = tf.ones([1, 4, 4, 4])
      >>> y = coupling.forward(x)
      >>> y[0, 0, 0].numpy().round(3)  # The network starts at zero: s = sigmoid(2).
      array([1.   , 1.   , 0.881, 0.881], dtype=float32)
      >>> coupling.forward_log_det_jacobian(x).numpy().round(3)  # 4·4·2·log s
      array([-4.062], dtype=float32)
    """

    outputs_per_channel = 2
    scales = True

    def __init__(
        self,
        network: Network,
        dtype: tf.DType = tf.float32,
        validate_args: bool = False,
        name: str = "affine_coupling",
    ):
        parameters = dict(locals())
        super().__init__(
            network, parameters=parameters, dtype=dtype, validate_args=validate_args, name=name
        )

    @staticmethod
    def forward_half(x2: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """(x₂ + t)·s, and log s."""
        shift, logit = _shift_and_logit(h)
        return (x2 + shift) * tf.sigmoid(logit), tf.math.log_sigmoid(logit)

    @staticmethod
    def inverse_half(y2: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """y₂/s − t, and log s."""
        shift, logit = _shift_and_logit(h)
        return y2 * (1.0 + tf.exp(-logit)) - shift, tf.math.log_sigmoid(logit)


def _shift_and_logit(h):
    """t and h + 2 of a network's output, `[B, H, W, C/2]` each."""
    shift, logit = shapes.split_pairs(h)
    return shift, logit + 2.0
