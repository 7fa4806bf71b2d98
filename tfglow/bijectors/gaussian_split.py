"""The split between two levels."""

import tensorflow as tf

from tfglow.bijectors.coupling import named_network_variables
from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.networks import ScaledConv2D
from tfglow.ops import shapes


class GaussianSplit(OnePassBijector):
    """Whitens the half of the channels that leaves the flow, given the half that stays.

    With x = [z₁, z₂] the halves of `[H, W, C]` and [μ, log σ] = conv(z₁), interleaved (even
    channels μ, odd channels log σ), zero-initialised:
    y = [z₁, ε], ε = (z₂ − μ)/σ; log |det| = −Σ log σ over H, W and C/2 (nats).

    p(z₂ | z₁) = N(z₂; μ(z₁), σ(z₁)²) then is a standard Gaussian on ε (section 3.6).

    Args:
      num_channels: C, even.
      dtype: Of the variables and of the event.
      validate_args: Whether to check at run time that inputs are finite.
      name: Of the bijector.

    Raises:
      ValueError: If `num_channels` is not even and positive, or an input has another number.
    """

    def __init__(self, num_channels, dtype=tf.float32, validate_args=False, name="gaussian_split"):
        parameters = dict(locals())
        super().__init__(
            parameters=parameters,
            num_channels=num_channels,
            dtype=dtype,
            validate_args=validate_args,
            name=name,
        )
        if num_channels % 2:
            raise ValueError(f"`num_channels` of {name} must be even, got {num_channels}.")
        half = num_channels // 2
        conv = ScaledConv2D(half, 2 * half, 3, dtype=tf.as_dtype(dtype).name, name="conv")
        self._conv = self._no_dependency(conv)
        self._conv_variables = list(named_network_variables(conv).values())

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The convolution's variables by path."""
        return named_network_variables(self._conv)

    @property
    def conv(self) -> ScaledConv2D:
        """The convolution that maps z₁ to μ and log σ."""
        return self._conv

    def mean_and_log_scale(self, z1: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """μ and log σ of z₂ given z₁, each `[B, H, W, C/2]`."""
        h = self._conv(z1)
        *space, channels = shapes.shape_list(h)
        return tuple(tf.unstack(tf.reshape(h, [*space, channels // 2, 2]), axis=-1))

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """z₁, ε and log |det|: the forward map with its two halves apart, `[B, H, W, C]`."""
        z1, z2 = tf.split(x, 2, axis=-1)
        mean, log_scale = self.mean_and_log_scale(z1)
        eps = (z2 - mean) * tf.exp(-log_scale)
        return z1, eps, -tf.reduce_sum(log_scale, axis=[1, 2, 3])

    def merge(self, z1: tf.Tensor, eps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """x and log |det|: the inverse map from its two halves."""
        mean, log_scale = self.mean_and_log_scale(z1)
        z2 = eps * tf.exp(log_scale) + mean
        return tf.concat([z1, z2], axis=-1), tf.reduce_sum(log_scale, axis=[1, 2, 3])

    def _forward_and_log_det(self, x):
        z1, eps, log_det = self.split(x)
        return tf.concat([z1, eps], axis=-1), log_det

    def _inverse_and_log_det(self, y):
        return self.merge(*tf.split(y, 2, axis=-1))
