"""The loss of a model that gives log-likelihoods."""

import tensorflow as tf

from tfglow.keras_backend import keras


@keras.saving.register_keras_serializable(package="tfglow")
def negative_log_prob(targets: tf.Tensor, log_prob: tf.Tensor) -> tf.Tensor:
    """−log p(x) (nats), whatever the targets are, for a model that ends in a `DistributionLayer`.

    `compile(optimizer, loss=negative_log_prob)` trains by maximum likelihood. A lambda in its place
    trains as well, but a `.keras` file with one is not read again.

    Args:
      targets: What `fit` was given as targets, such as zeros.
      log_prob: The model's output, log p(x), `[B]`.

    Example:
      >>> likelihood = tfglow.DistributionLayer(tfd.Normal(0.0, 1.0))
      >>> model = keras.Sequential([keras.Input([]), likelihood])
      >>> model.compile("sgd", loss=tfglow.keras_layers.negative_log_prob)
      >>> round(model.evaluate(np.zeros([4]), np.zeros([4]), verbose=0), 3)  # ½ ln 2π
      0.919
    """
    del targets
    return -log_prob
