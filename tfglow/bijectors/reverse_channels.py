"""NICE's permutation."""

import tensorflow as tf

from tfglow.bijectors.channel_map import ChannelMap


class ReverseChannels(ChannelMap):
    """y[..., c] = x[..., C − 1 − c], on events `[H, W, C]`; log |det| = 0.

    The fixed permutation between couplings of NICE (Dinh et al. 2014), its own inverse.
    """

    def __init__(self, dtype=tf.float32, validate_args=False, name="reverse_channels"):
        parameters = dict(locals())
        super().__init__(
            parameters=parameters,
            dtype=dtype,
            validate_args=validate_args,
            is_constant_jacobian=True,
            name=name,
        )

    @property
    def weight_variables(self):
        return ()

    def weight_from(self, num_channels):
        return tf.reverse(tf.eye(num_channels, dtype=self.dtype), axis=[-1])

    def inverse_weight_from(self, num_channels):
        return self.weight_from(num_channels)

    def log_abs_det_from(self):
        return tf.zeros([], self.dtype)

    def _forward_and_log_det(self, x):
        return tf.reverse(x, axis=[-1]), tf.zeros([], x.dtype)

    def _inverse_and_log_det(self, y):
        return self._forward_and_log_det(y)
