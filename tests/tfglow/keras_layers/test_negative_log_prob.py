"""The loss of maximum likelihood, in fit and in files."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfglow.keras_layers import DistributionLayer, negative_log_prob

tfd = tfp.distributions

pytestmark = pytest.mark.slow


@keras.saving.register_keras_serializable("tests")
def make_normal(scale):
    return tfd.Normal(tf.Variable(0.0), scale)


def test_a_model_with_this_loss_trains_and_comes_back_from_a_file(tmp_path):
    model = keras.Sequential(
        [keras.Input([]), DistributionLayer(make_normal, arguments={"scale": 2.0})]
    )
    model.compile(keras.optimizers.SGD(1.0), loss=negative_log_prob)
    x, targets = np.array([1.0, 3.0], np.float32), np.full(2, 9.0)
    # log N(x; 0, 4) = -x^2/8 - log 2 - log(2 pi)/2, whatever the targets are.
    expected = np.mean(x**2) / 8 + np.log(2) + np.log(2 * np.pi) / 2
    np.testing.assert_allclose(model.evaluate(x, targets, verbose=0), expected, rtol=1e-6)
    model.fit(x, targets, verbose=0)  # One step of the gradient, mean(x)/4.
    np.testing.assert_allclose(model.trainable_variables[0], 0.5, rtol=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.loss is negative_log_prob
    np.testing.assert_array_equal(again(x), model(x))
