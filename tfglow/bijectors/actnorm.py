"""Activation normalisation."""

import tensorflow as tf

from tfglow.bijectors.channel_map import ActNormWeights
from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.checks import check_rows
from tfglow.networks.scale import data_dependent_shift_and_log_scale
from tfglow.ops import shapes


class ActNorm(OnePassBijector):
    """A learned shift and scale of each channel (section 3.1).

    y = (x + b) · exp(3·logs), on events `[H, W, C]`;
    log |det| = H·W·Σ 3·logs (nats).

    It starts as the identity; `initialize` sets b and logs from a batch.

    Args:
      num_channels: C, the channels of an event.
      dtype: Dtype of the variables and of the event.
      validate_args: Whether to check at run time that inputs are finite.
      name: Name of the bijector.
      weights: The weights to compute with; None makes variables.

    Raises:
      ValueError: If `num_channels` is not positive, or an input has another number of channels,
        or a batch to initialise on has no rows.

    Example:
      >>> norm = tfglow.bijectors.ActNorm(3)
      >>> x = 5.0 + 2.0 * tf.random.stateless_normal([16, 4, 4, 3], seed=[1, 2])
      >>> y = norm.initialize(x)
      >>> f"{abs(tf.reduce_mean(y)):.2f}, {tf.math.reduce_std(y):.2f}"
      '0.00, 1.00'
      >>> bool(np.allclose(norm.inverse(y), x, atol=1e-5))
      True
    """

    num_channels: int  # Never None here.

    def __init__(
        self,
        num_channels: int,
        dtype: tf.DType = tf.float32,
        validate_args: bool = False,
        name: str = "actnorm",
        weights: ActNormWeights | None = None,
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
        if weights is None:
            weights = ActNormWeights(
                b=tf.Variable(tf.zeros([self.num_channels], dtype), name="b"),
                logs=tf.Variable(tf.zeros([self.num_channels], dtype), name="logs"),
            )
        self.b, self.logs = weights

    @property
    def weights(self) -> ActNormWeights:
        """b and logs."""
        return ActNormWeights(self.b, self.logs)

    def initialize(self, x: tf.Tensor) -> tf.Tensor:
        """Sets b and logs so that each channel of `x` gets mean 0 and variance 1.

        Args:
          x: One batch, `[..., H, W, C]`.

        Returns:
          The layer's output on `x`.
        """
        x = tf.convert_to_tensor(x, self.dtype)
        self._check_event_shape(x.shape[-3:])
        check_rows(x, self.name)
        b, logs = data_dependent_shift_and_log_scale(x)
        self.b.assign(b)
        self.logs.assign(logs)
        return self.forward_and_log_det(x)[0]

    def _forward_and_log_det(self, x):
        log_scale = self.weights.log_scale
        y = (x + self.b) * tf.exp(log_scale)
        return y, shapes.num_positions(x) * tf.reduce_sum(log_scale)

    def _inverse_and_log_det(self, y):
        log_scale = self.weights.log_scale
        x = y * tf.exp(-log_scale) - self.b
        return x, -shapes.num_positions(y) * tf.reduce_sum(log_scale)
