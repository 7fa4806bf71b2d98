"""NICE's permutation."""

import tensorflow as tf

from tfglow.bijectors.one_pass_bijector import OnePassBijector


class ReverseChannels(OnePassBijector):
    """y[..., c] = x[..., C − 1 − c], on events `[H, W, C]`; log |det| = 0.

    The fixed permutation between couplings of NICE (Dinh et al. 2014), its own inverse.

    Args:
      dtype: Dtype of the event.
      validate_args: Whether to check at run time that inputs are finite.
      name: Name of the bijector.

    Example:
      >>> tfglow.bijectors.ReverseChannels().forward([[[[1.0, 2.0, 3.0]]]]).numpy()
      array([[[[3., 2., 1.]]]], dtype=float32)
    """

    def __init__(
        self,
        dtype: tf.DType = tf.float32,
        validate_args: bool = False,
        name: str = "reverse_channels",
    ):
        parameters = dict(locals())
        super().__init__(
            parameters=parameters,
            dtype=dtype,
            validate_args=validate_args,
            is_constant_jacobian=True,
            name=name,
        )

    def _forward_and_log_det(self, x):
        return tf.reverse(x, axis=[-1]), tf.zeros([], x.dtype)

    def _inverse_and_log_det(self, y):
        return self._forward_and_log_det(y)
