"""RealNVP's permutation."""

import numpy as np
import tensorflow as tf

from tfglow.bijectors.channel_map import ChannelMap


class ShuffleChannels(ChannelMap):
    """y[..., c] = x[..., indices[c]], on events `[H, W, C]`; log |det| = 0.

    A fixed random permutation of the channels, held in a variable that is not trained, so that
    it is saved and restored with the model.

    Args:
      num_channels: C.
      seed: Of the permutation; None draws one.
      dtype: Of the event.
      validate_args: Whether to check at run time that inputs are finite.
      name: Of the bijector.

    Raises:
      ValueError: If `num_channels` is not positive, or an input has another number of channels.
    """

    def __init__(
        self,
        num_channels,
        seed=None,
        dtype=tf.float32,
        validate_args=False,
        name="shuffle_channels",
    ):
        parameters = dict(locals())
        super().__init__(
            parameters=parameters,
            num_channels=num_channels,
            dtype=dtype,
            validate_args=validate_args,
            is_constant_jacobian=True,
            name=name,
        )
        order = np.random.default_rng(seed).permutation(num_channels)
        self.indices = tf.Variable(order, trainable=False, dtype=tf.int32, name="indices")

    @property
    def weight_variables(self):
        return (self.indices,)

    def weight_from(self, num_channels, indices):
        return tf.linalg.matrix_transpose(self.inverse_weight_from(num_channels, indices))

    def inverse_weight_from(self, num_channels, indices):
        # W is 1 at (indices[c], c): W⁻¹ = Wᵀ at (c, indices[c]).
        return tf.one_hot(indices, num_channels, dtype=self.dtype)

    def log_abs_det_from(self, indices):
        return tf.zeros([], self.dtype)

    def _forward_and_log_det(self, x):
        return tf.gather(x, self.indices, axis=-1), tf.zeros([], x.dtype)

    def _inverse_and_log_det(self, y):
        return tf.gather(y, tf.argsort(self.indices), axis=-1), tf.zeros([], y.dtype)
