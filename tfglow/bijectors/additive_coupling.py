"""The additive coupling."""

import tensorflow as tf

from tfglow.bijectors.coupling import Coupling, Network


class AdditiveCoupling(Coupling):
    """Shifts half of the channels by a function of the other half (section 3.3).

    With x = [x₁, x₂] the halves of `[H, W, C]`: y = [x₁, x₂ + network(x₁)], log |det| = 0.

    Args:
      network: A map from `[B, H, W, C/2]` to `[B, H, W, C/2]`: a built Keras layer or model, a
        `tf.Module`, or any callable. Both directions call it on the same x₁.
      dtype: Dtype of the event; the network's output is cast to it.
      validate_args: Whether to check at run time that inputs are finite.
      name: Name of the bijector.

    Raises:
      ValueError: If `network` is not callable or not built, returns another number of channels,
        or an input has an odd number of channels.

    Example:
      >>> coupling = tfglow.bijectors.AdditiveCoupling(lambda x1: 10.0 * x1)
      >>> coupling.forward([[[[1.0, 2.0]]]]).numpy()
      array([[[[ 1., 12.]]]], dtype=float32)
      >>> coupling.forward_log_det_jacobian([[[[1.0, 2.0]]]]).numpy()
      np.float32(0.0)
    """

    outputs_per_channel = 1
    scales = False

    def __init__(
        self,
        network: Network,
        dtype: tf.DType = tf.float32,
        validate_args: bool = False,
        name: str = "additive_coupling",
    ):
        parameters = dict(locals())
        super().__init__(
            network, parameters=parameters, dtype=dtype, validate_args=validate_args, name=name
        )

    @staticmethod
    def forward_half(x2: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, None]:
        """x₂ + h; its log-scale is 0."""
        return x2 + h, None

    @staticmethod
    def inverse_half(y2: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, None]:
        """y₂ − h; its log-scale is 0."""
        return y2 - h, None
