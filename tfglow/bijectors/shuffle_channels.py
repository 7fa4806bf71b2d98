"""RealNVP's permutation."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.checks import check_seed


class ChannelOrder(NamedTuple):
    """y[..., c] = x[..., indices[c]]; `indices` is `[..., C]`."""

    indices: Any

    def matrix(self, dtype: tf.DType) -> tf.Tensor:
        """W, which is 1 at (indices[c], c), `[..., C, C]`."""
        return tf.linalg.matrix_transpose(self.inverse_matrix(dtype))

    def inverse_matrix(self, dtype: tf.DType) -> tf.Tensor:
        """W⁻¹ = Wᵀ, which is 1 at (c, indices[c]), `[..., C, C]`."""
        return tf.one_hot(self.indices, self.indices.shape[-1], dtype=dtype)

    def log_abs_det(self, dtype: tf.DType) -> tf.Tensor:
        """0, `[]`: W is a permutation."""
        return tf.zeros([], dtype)

    @classmethod
    def random(cls, num_channels: int, seed: int | None) -> "ChannelOrder":
        """A random order, an int32 array."""
        order = np.random.default_rng(seed).permutation(num_channels)
        return cls(order.astype(np.int32))

    @classmethod
    def reverse(cls, num_channels: int) -> "ChannelOrder":
        """The last channel first, an int32 array."""
        return cls(np.arange(num_channels - 1, -1, -1, dtype=np.int32))


class ShuffleChannels(OnePassBijector):
    """y[..., c] = x[..., indices[c]], on events `[H, W, C]`; log |det| = 0.

    A fixed random permutation of the channels, held in a variable that is not trained, so that
    it is saved and restored with the model.

    Args:
      num_channels: C, the channels of an event.
      seed: Seed of the permutation; None draws one.
      dtype: Dtype of the event.
      validate_args: Whether to check at run time that inputs are finite.
      name: Name of the bijector.
      weights: The order to take; None makes a variable of a random one.

    Raises:
      ValueError: If `num_channels` is not positive, or an input has another number of channels.

    Example:
      >>> shuffle = tfglow.bijectors.ShuffleChannels(4, seed=0)
      >>> x = tf.constant([[[[1.0, 2.0, 3.0, 4.0]]]])
      >>> sorted(shuffle.forward(x).numpy().ravel().tolist())
      [1.0, 2.0, 3.0, 4.0]
      >>> shuffle.inverse(shuffle.forward(x)).numpy()
      array([[[[1., 2., 3., 4.]]]], dtype=float32)
    """

    num_channels: int  # Never None here.

    def __init__(
        self,
        num_channels: int,
        seed: int | None = None,
        dtype: tf.DType = tf.float32,
        validate_args: bool = False,
        name: str = "shuffle_channels",
        weights: ChannelOrder | None = None,
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
        seed = check_seed(seed, name)
        if weights is None:
            order = ChannelOrder.random(self.num_channels, seed).indices
            weights = ChannelOrder(tf.Variable(order, trainable=False, name="indices"))
        self.indices = weights.indices

    @property
    def weights(self) -> ChannelOrder:
        """The order of the channels."""
        return ChannelOrder(self.indices)

    def _forward_and_log_det(self, x):
        return tf.gather(x, self.indices, axis=-1), tf.zeros([], x.dtype)

    def _inverse_and_log_det(self, y):
        return tf.gather(y, tf.argsort(self.indices), axis=-1), tf.zeros([], y.dtype)
