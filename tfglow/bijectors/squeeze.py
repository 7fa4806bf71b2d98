"""Space to depth."""

import tensorflow as tf

from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.checks import check_integer
from tfglow.ops import shapes


class Squeeze(OnePassBijector):
    """Trades space for channels: `[H, W, C] → [H/f, W/f, C·f²]`, log |det| = 0 (section 3.6).

    Output channel c·f² + f·row + column holds pixel (row, column) of each f×f block of
    channel c, in the official order.

    Args:
      factor: f.
      dtype: Dtype of the event.
      validate_args: Whether to check at run time that inputs are finite.
      name: Name of the bijector.

    Raises:
      ValueError: If `factor` is not an integer above 1, or does not divide an input's height and
        width (forward) or, squared, its channels (inverse).

    Example:
      >>> squeeze = tfglow.bijectors.Squeeze()
      >>> squeeze.forward([[[[1.0], [2.0]], [[3.0], [4.0]]]]).numpy()
      array([[[[1., 2., 3., 4.]]]], dtype=float32)
      >>> squeeze.forward_event_shape([32, 32, 3])
      TensorShape([16, 16, 12])
    """

    def __init__(
        self,
        factor: int = 2,
        dtype: tf.DType = tf.float32,
        validate_args: bool = False,
        name: str = "squeeze",
    ):
        parameters = dict(locals())
        factor = check_integer("factor", factor, 2, words="an integer above 1")
        super().__init__(
            parameters=parameters,
            dtype=dtype,
            validate_args=validate_args,
            is_constant_jacobian=True,
            name=name,
        )
        self._factor = factor

    @property
    def factor(self) -> int:
        """f."""
        return self._factor

    def _forward_and_log_det(self, x):
        f = self._factor
        batch, height, width, channels = shapes.shape_list(x)
        self._check_divides(f, height=height, width=width)
        # B in full, not −1: what f does not divide must not run over into other images.
        x = tf.reshape(x, [batch, height // f, f, width // f, f, channels])
        x = tf.transpose(x, [0, 1, 3, 5, 2, 4])  # [B, H/f, W/f, C, row, column]
        y = tf.reshape(x, [batch, height // f, width // f, channels * f * f])
        return y, self._no_log_det()

    def _inverse_and_log_det(self, y):
        f = self._factor
        batch, height, width, channels = shapes.shape_list(y)
        self._check_divides(f * f, channels=channels)
        y = tf.reshape(y, [batch, height, width, channels // (f * f), f, f])
        y = tf.transpose(y, [0, 1, 4, 2, 5, 3])  # [B, H, row, W, column, C/f²]
        x = tf.reshape(y, [batch, height * f, width * f, channels // (f * f)])
        return x, self._no_log_det()

    def _no_log_det(self):
        return tf.zeros([], self.dtype)

    def _check_divides(self, divisor, **sizes):
        for name, size in sizes.items():
            if isinstance(size, int) and size % divisor:
                raise ValueError(
                    f"{self.name} with factor {self._factor} needs a {name} divisible by "
                    f"{divisor}, got {size}."
                )

    def _forward_event_shape(self, input_shape):
        f = self._factor
        height, width, channels = _last_three(input_shape)
        self._check_divides(f, height=height, width=width)
        return input_shape[:-3].concatenate(
            [
                _map(height, lambda n: n // f),
                _map(width, lambda n: n // f),
                _map(channels, lambda n: n * f * f),
            ]
        )

    def _inverse_event_shape(self, output_shape):
        f = self._factor
        height, width, channels = _last_three(output_shape)
        self._check_divides(f * f, channels=channels)
        return output_shape[:-3].concatenate(
            [
                _map(height, lambda n: n * f),
                _map(width, lambda n: n * f),
                _map(channels, lambda n: n // (f * f)),
            ]
        )

    def _forward_event_shape_tensor(self, input_shape):
        f = self._factor
        space, channels = input_shape[-3:-1] // f, input_shape[-1:] * f * f
        return tf.concat([input_shape[:-3], space, channels], axis=0)

    def _inverse_event_shape_tensor(self, output_shape):
        f = self._factor
        space, channels = output_shape[-3:-1] * f, output_shape[-1:] // (f * f)
        return tf.concat([output_shape[:-3], space, channels], axis=0)


def _last_three(shape):
    return shape[-3:].as_list()


def _map(size, function):
    return None if size is None else function(size)
