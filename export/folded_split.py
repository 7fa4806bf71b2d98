"""The split between two levels for inference."""

import tensorflow as tf

from export.folding import SplitWeights
from tfglow.ops import shapes


class FoldedSplit(tf.Module):
    """Whitens the half of the channels that leaves: ε = (z₂ − μ)/σ.

    μ and log σ are the even and odd channels of conv(z₁).

    Args:
      weights: Of one level's split.
      dtype: Of the variables and the maps.
      name: Of the module.
    """

    def __init__(self, weights: SplitWeights, dtype: tf.DType = tf.float32, name: str = "split"):
        super().__init__(name=name)
        self.kernel = tf.Variable(weights.kernel, trainable=False, dtype=dtype, name="kernel")
        self.bias = tf.Variable(weights.bias, trainable=False, dtype=dtype, name="bias")

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """z₁, ε and log |det| `[N]` (nats) of x `[N, H, W, C]`."""
        z1, z2 = tf.split(x, 2, axis=-1)
        mean, log_scale = self._mean_and_log_scale(z1)
        eps = (z2 - mean) * tf.exp(-log_scale)
        return z1, eps, -tf.reduce_sum(log_scale, axis=[1, 2, 3])

    def merge(self, z1: tf.Tensor, eps: tf.Tensor) -> tf.Tensor:
        """x of its two halves."""
        mean, log_scale = self._mean_and_log_scale(z1)
        return tf.concat([z1, eps * tf.exp(log_scale) + mean], axis=-1)

    def _mean_and_log_scale(self, z1):
        h = tf.nn.conv2d(z1, self.kernel, strides=1, padding="SAME") + self.bias
        return shapes.split_pairs(h)
