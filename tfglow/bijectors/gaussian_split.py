"""The split between two levels."""

import tensorflow as tf

from tfglow.bijectors.coupling import Network
from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.bijectors.whitening import unwhiten, whiten
from tfglow.networks import ScaledConv2D
from tfglow.ops import shapes


class GaussianSplit(OnePassBijector):
    """Whitens the half of the channels that leaves the flow, given the half that stays.

    With x = [z₁, z₂] the halves of `[H, W, C]` and [μ, log σ] = conv(z₁), interleaved (even
    channels μ, odd channels log σ), zero-initialised:
    y = [z₁, ε], ε = (z₂ − μ)/σ; log |det| = −Σ log σ over H, W and C/2 (nats).

    p(z₂ | z₁) = N(z₂; μ(z₁), σ(z₁)²) then is a standard Gaussian on ε (section 3.6).

    Args:
      num_channels: C, the channels of an event, even.
      dtype: Dtype of the variables and of the event.
      validate_args: Whether to check at run time that inputs are finite.
      name: Name of the bijector.

    Raises:
      ValueError: If `num_channels` is not even and positive, or an input has another number.

    Example:
      >>> split = tfglow.bijectors.GaussianSplit(4)
      >>> x = tf.random.stateless_normal([2, 4, 4, 4], seed=[1, 2])
      >>> np.array_equal(split.forward(x), x)  # Its weights start at zero: μ = 0 and σ = 1.
      True
    """

    num_channels: int  # Never None here.

    def __init__(
        self,
        num_channels: int,
        dtype: tf.DType = tf.float32,
        validate_args: bool = False,
        name: str = "gaussian_split",
    ):
        parameters = dict(locals())
        super().__init__(
            parameters=parameters,
            num_channels=num_channels,
            dtype=dtype,
            validate_args=validate_args,
            name=name,
        )
        num_channels = self.num_channels
        if num_channels % 2:
            raise ValueError(f"`num_channels` of {name} must be even, got {num_channels}.")
        self.conv = ScaledConv2D(num_channels // 2, num_channels, 3, dtype=dtype, name="conv")

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The convolution's variables by name: `conv/kernel`."""
        return {f"conv/{name}": v for name, v in self.conv.named_variables.items()}

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """z₁, ε and log σ, `[B, H, W, C/2]` each: the forward map with its halves apart."""
        return split(x, self.conv)

    def merge(self, z1: tf.Tensor, eps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """x `[B, H, W, C]` and log σ `[B, H, W, C/2]`: the inverse map of its two halves."""
        return merge(z1, eps, self.conv)

    def _forward_and_log_det(self, x):
        z1, eps, log_scale = self.split(x)
        return shapes.join_channels(z1, eps), -tf.reduce_sum(log_scale, axis=[1, 2, 3])

    def _inverse_and_log_det(self, y):
        x, log_scale = self.merge(*shapes.split_channels(y))
        return x, tf.reduce_sum(log_scale, axis=[1, 2, 3])


def split(x: tf.Tensor, conv: Network) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """`GaussianSplit.split` with any map `conv` of z₁ to μ and log σ, interleaved."""
    z1, z2 = shapes.split_channels(x)
    mean, log_scale = shapes.split_pairs(conv(z1))
    return z1, whiten(z2, mean, log_scale), log_scale


def merge(z1: tf.Tensor, eps: tf.Tensor, conv: Network) -> tuple[tf.Tensor, tf.Tensor]:
    """`GaussianSplit.merge` with any map `conv` of z₁ to μ and log σ, interleaved."""
    mean, log_scale = shapes.split_pairs(conv(z1))
    return shapes.join_channels(z1, unwhiten(eps, mean, log_scale)), log_scale
