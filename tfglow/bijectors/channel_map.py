"""ActNorm and the permutation of a step, as one affine map of the channels."""

from typing import NamedTuple, Protocol

import tensorflow as tf

from tfglow.networks.scale import log_scale
from tfglow.ops import pixelwise, shapes


class ActNormWeights(NamedTuple):
    """The weights of an `ActNorm`, `[C]` each, or of K of them, `[K, C]`."""

    b: tf.Tensor
    logs: tf.Tensor

    @property
    def log_scale(self) -> tf.Tensor:
        """3·logs, `[..., C]`."""
        return log_scale(self.logs)


class PermutationWeights(Protocol):
    """The weights of a map of the channels, y = x W at every pixel, or of K of them, `[K, ...]`."""

    def matrix(self, dtype: tf.DType) -> tf.Tensor:
        """W, `[..., C, C]`."""

    def inverse_matrix(self, dtype: tf.DType) -> tf.Tensor:
        """W⁻¹, `[..., C, C]`."""

    def log_abs_det(self, dtype: tf.DType) -> tf.Tensor:
        """log |det W| (nats), `[...]` or `[]`."""


class ChannelMap(NamedTuple):
    """x ↦ x·weight + bias at every pixel, of one step or of K steps, `[K, ...]`."""

    weight: tf.Tensor  # [..., C, C]
    bias: tf.Tensor  # [..., C]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The map of `x`, `[B, H, W, C]`."""
        return pixelwise.trainable_linear(x, self.weight, self.bias)

    @classmethod
    def forward(cls, actnorm: ActNormWeights, permutation: PermutationWeights) -> "ChannelMap":
        """x ↦ (x + b)·diag(exp(3·logs))·W."""
        scale = tf.exp(actnorm.log_scale)
        matrix = permutation.matrix(scale.dtype)
        bias = tf.matmul(tf.expand_dims(actnorm.b * scale, -2), matrix)
        return cls(tf.expand_dims(scale, -1) * matrix, tf.squeeze(bias, -2))

    @classmethod
    def inverse(cls, actnorm: ActNormWeights, permutation: PermutationWeights) -> "ChannelMap":
        """y ↦ y·W⁻¹·diag(exp(−3·logs)) − b."""
        scale = tf.exp(-actnorm.log_scale)
        matrix = permutation.inverse_matrix(scale.dtype)
        return cls(matrix * tf.expand_dims(scale, -2), -actnorm.b)


def log_abs_det(actnorm: ActNormWeights, permutation: PermutationWeights) -> tf.Tensor:
    """log |det| of the forward map at one pixel, of all steps together (nats), `[]`."""
    matrices = permutation.log_abs_det(actnorm.b.dtype)
    return tf.reduce_sum(actnorm.log_scale) + tf.reduce_sum(matrices)


def log_abs_det_of_image(
    actnorm: ActNormWeights, permutation: PermutationWeights, x: tf.Tensor
) -> tf.Tensor:
    """`log_abs_det` of all pixels of an image of `x`, `[B, H, W, C]` (nats), `[]`."""
    return shapes.num_positions(x) * log_abs_det(actnorm, permutation)
