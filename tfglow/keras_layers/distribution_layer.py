"""A Keras layer around a distribution."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfglow.keras_backend import keras
from tfglow.keras_layers.module_layer import ModuleLayer


@keras.saving.register_keras_serializable(package="tfglow")
class DistributionLayer(ModuleLayer):
    """A Keras layer that gives the log-likelihood of its input, log p(x) (nats).

    Its variables are the distribution's, with those of its bijectors: Keras trains and saves them.
    It computes in their dtype, whatever policy is global; inputs are cast to it.

    As a model's last layer it trains by
    `compile(optimizer, loss=tfglow.keras_layers.negative_log_prob)`. How `.keras` files hold it,
    see `BijectorLayer`.

    Args:
      distribution: The distribution, or a function that makes it.
      arguments: The function's arguments by name.
      **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `trainable`.

    Raises:
      ValueError: If `distribution` is neither, or `dtype` is given and is not the distribution's.

    Example:
      >>> layer = tfglow.DistributionLayer(tfd.MultivariateNormalDiag([0.0, 0.0]))
      >>> layer(tf.zeros([3, 2])).numpy().round(3)  # −ln 2π
      array([-1.838, -1.838, -1.838], dtype=float32)
    """

    argument = "distribution"
    kind = tfd.Distribution

    def __init__(
        self,
        distribution: tfd.Distribution | Callable[..., tfd.Distribution],
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(distribution, arguments, **kwargs)

    @property
    def distribution(self) -> tfd.Distribution:
        """The distribution."""
        return self._module

    def call(self, x: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """log p(x), of one value for each event; see `tfd.Distribution.log_prob`.

        Of a joint distribution x is a structure.
        """
        return self.distribution.log_prob(tf.nest.map_structure(tf.identity, x), **kwargs)

    def log_prob(self, x: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """log p(x), outside of a Keras model."""
        return self.call(tf.nest.map_structure(self._prepared, x), **kwargs)

    def sample(self, *args: Any, **kwargs: Any) -> tf.Tensor:
        """Draws as `tfd.Distribution.sample` does."""
        return self.distribution.sample(*args, **kwargs)
