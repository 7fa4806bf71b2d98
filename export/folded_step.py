"""A flow step for inference."""

import tensorflow as tf

from export.folded_network import FoldedNetwork
from export.folding import ChannelMap, StepWeights
from tfglow.ops import pixelwise, shapes


class FoldedStep(tf.Module):
    """One 1×1 convolution with bias and a coupling, `[N, H, W, C]`, in both directions.

    With x·kernel + bias = [z₁, z₂], t and n the even and odd channels of network(z₁), and
    1/s = 1 + exp(n): y = [z₁, (z₂ + t)·s], or in an additive coupling [z₁, z₂ + network(z₁)].

    Args:
      weights: Of one step.
      dtype: Of the step.
      network_dtype: Of the network's convolutions.
      name: Of the module.
    """

    def __init__(
        self,
        weights: StepWeights,
        dtype: tf.DType = tf.float32,
        network_dtype: tf.DType = tf.float32,
        name: str = "step",
    ):
        super().__init__(name=name)
        channels = weights.forward.bias.shape[0]
        self._is_affine = weights.network.bias_last.shape[-1] == channels
        self.kernel, self.bias = _variables(weights.forward, dtype, "")
        self.inverse_kernel, self.inverse_bias = _variables(weights.inverse, dtype, "inverse_")
        self.network = FoldedNetwork(weights.network, network_dtype)

    def forward(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """y, and −log s `[N, H, W, C/2]`, or None where s = 1."""
        z1, z2 = tf.split(pixelwise.linear(x, self.kernel, self.bias), 2, axis=-1)
        if not self._is_affine:
            return tf.concat([z1, z2 + self.network(z1)], axis=-1), None
        shift, exponent = shapes.split_pairs(self.network(z1))
        y2 = (z2 + shift) / (1.0 + tf.exp(exponent))
        return tf.concat([z1, y2], axis=-1), tf.nn.softplus(exponent)

    def inverse(self, y: tf.Tensor) -> tf.Tensor:
        """x."""
        z1, y2 = tf.split(y, 2, axis=-1)
        if self._is_affine:
            shift, exponent = shapes.split_pairs(self.network(z1))
            z2 = y2 * (1.0 + tf.exp(exponent)) - shift
        else:
            z2 = y2 - self.network(z1)
        z = tf.concat([z1, z2], axis=-1)
        return pixelwise.linear(z, self.inverse_kernel, self.inverse_bias)


def _variables(channel_map: ChannelMap, dtype: tf.DType, prefix: str) -> list[tf.Variable]:
    return [
        tf.Variable(value, trainable=False, dtype=dtype, name=f"{prefix}{field}")
        for field, value in channel_map._asdict().items()
    ]
