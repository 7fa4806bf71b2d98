"""The official code's linear map of labels and features."""

import tensorflow as tf

from tfglow.checks import check_positive_integer
from tfglow.keras_calls import RunByKeras
from tfglow.networks.scale import log_scale


class ScaledDense(RunByKeras, tf.Module):
    """A zero-initialised linear map, y = (x W + b) · exp(3·logs), `[B, in_channels] → [B, units]`.

    Args:
      in_channels: Length of an input.
      units: Length of an output.
      dtype: Dtype of the weights and of the map.
      name: Name of the module.

    Raises:
      ValueError: If a length is not a positive integer.

    Example:
      >>> dense = tfglow.networks.ScaledDense(10, 4)
      >>> dense(tf.one_hot([3], 10)).numpy()
      array([[0., 0., 0., 0.]], dtype=float32)
    """

    def __init__(
        self,
        in_channels: int,
        units: int,
        dtype: tf.DType | str = tf.float32,
        name: str = "scaled_dense",
    ):
        super().__init__(name=name)
        in_channels = self.in_channels = check_positive_integer("in_channels", in_channels, name)
        units = self.units = check_positive_integer("units", units, name)
        self.kernel = tf.Variable(tf.zeros([in_channels, units], dtype), name="kernel")
        self.b = tf.Variable(tf.zeros([units], dtype), name="b")
        self.logs = tf.Variable(tf.zeros([units], dtype), name="logs")

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """Its variables by name."""
        return {"kernel": self.kernel, "b": self.b, "logs": self.logs}

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """y, `[B, units]`."""
        self._ask_keras()
        return (tf.matmul(x, self.kernel) + self.b) * tf.exp(log_scale(self.logs))
