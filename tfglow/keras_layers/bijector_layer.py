"""A Keras layer around a bijector."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfglow import flow_distribution
from tfglow.keras_backend import keras
from tfglow.keras_layers.module_layer import ModuleLayer


@keras.saving.register_keras_serializable(package="tfglow")
class BijectorLayer(ModuleLayer):
    """A Keras layer that maps by a bijector of TFP or tfglow, y = f(x).

    Its variables are the bijector's: Keras trains and saves them, and `trainable` is respected.
    It computes in the bijector's dtype, whatever policy is global; inputs are cast to it.

    A `.keras` file holds how the layer is made. So give it a function, or write a subclass:

        @keras.saving.register_keras_serializable("mine")
        def make_flow(channels):
            return tfb.Chain([Invertible1x1Conv(channels), ActNorm(channels)])

        layer = BijectorLayer(make_flow, arguments={"channels": 3})

    Given a bijector as it is, the layer trains and `save_weights` works, but not `save`.

    Args:
      bijector: The bijector, or a function that makes it.
      arguments: The function's arguments by name.
      **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `trainable`.

    Raises:
      ValueError: If `bijector` is neither, or `dtype` is given and is not the bijector's.

    Example:
      >>> layer = tfglow.BijectorLayer(tfglow.bijectors.ActNorm(3))
      >>> layer(tf.ones([2, 4, 4, 3])).shape
      TensorShape([2, 4, 4, 3])
      >>> [tuple(weight.shape) for weight in layer.trainable_weights]
      [(3,), (3,)]
    """

    argument = "bijector"
    kind = tfb.Bijector

    def __init__(
        self,
        bijector: tfb.Bijector | Callable[..., tfb.Bijector],
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(bijector, arguments, **kwargs)

    @property
    def bijector(self) -> tfb.Bijector:
        """The bijector."""
        return self._module

    def call(self, x: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """y = f(x); further arguments, such as `labels`, go to the bijector."""
        return self.bijector.forward(tf.identity(x), **kwargs)

    def inverse(self, y: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """x = f⁻¹(y)."""
        return self.bijector.inverse(self._prepared(y), **kwargs)

    def forward_and_log_det(self, x: tf.Tensor, **kwargs: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """y and log |det dy/dx| (nats), `[B]`: all dimensions but the first are one event."""
        return self._with_log_det(flow_distribution.forward_and_log_det, x, kwargs)

    def inverse_and_log_det(self, y: tf.Tensor, **kwargs: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """x and log |det dx/dy| (nats), `[B]`: all dimensions but the first are one event."""
        return self._with_log_det(flow_distribution.inverse_and_log_det, y, kwargs)

    def _with_log_det(self, direction, x, kwargs):
        x = self._prepared(x)
        y, log_det = direction(self.bijector, x, x.shape.rank - 1, kwargs)
        return y, tf.broadcast_to(log_det, tf.shape(x)[:1])
