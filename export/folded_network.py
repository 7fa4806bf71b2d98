"""A coupling network for inference."""

import tensorflow as tf

from export.folding import NetworkWeights
from tfglow.ops import pixelwise
from tfglow.ops.patches import are_faster, pad_image, patches


class FoldedNetwork(tf.Module):
    """3×3 conv → ReLU → 1×1 conv → ReLU → 3×3 conv, each with a bias and nothing else.

    `[N, H, W, C/2] → [N, H, W, C]`, or C/2 for an additive coupling; see `FoldedStep`. Padding
    is SAME; the image's edge is in the weights.

    Args:
      weights: Of one coupling.
      dtype: Of the convolutions; input and output are cast.
      name: Of the module.
    """

    def __init__(
        self, weights: NetworkWeights, dtype: tf.DType = tf.float32, name: str = "network"
    ):
        super().__init__(name=name)
        self._dtype = tf.as_dtype(dtype)
        self.kernel_1, self.bias_1, self.kernel_2, self.bias_2, self.kernel_last, self.bias_last = (
            tf.Variable(value, trainable=False, dtype=self._dtype, name=field)
            for field, value in weights._asdict().items()
        )

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        h = tf.cast(x, self._dtype)
        h = tf.pad(h, [[0, 0], [0, 0], [0, 0], [0, 1]], constant_values=1)  # [N, H, W, C/2 + 1]
        if are_faster(self.kernel_1):
            h = patches(pad_image(h, 1, 1), 3)  # [N, H, W, 9·(C/2 + 1)]
            kernel = tf.reshape(self.kernel_1, [h.shape[-1], self.kernel_1.shape[-1]])
            h = pixelwise.linear(h, kernel, self.bias_1, tf.nn.relu)  # [N, H, W, width]
        else:
            h = tf.nn.conv2d(h, self.kernel_1, strides=1, padding="SAME")
            h = tf.nn.relu(tf.nn.bias_add(h, self.bias_1))  # [N, H, W, width]
        h = pixelwise.linear(h, self.kernel_2, self.bias_2, tf.nn.relu)
        h = tf.nn.conv2d(h, self.kernel_last, strides=1, padding="SAME") + self.bias_last
        return tf.cast(h, x.dtype)
