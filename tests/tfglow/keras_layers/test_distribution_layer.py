"""A Keras layer around any distribution."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.tfglow.keras_layers.held import BIJECTORS
from tfglow import FlowDistribution
from tfglow.bijectors import ActNorm
from tfglow.keras_layers import DistributionLayer

tfb, tfd = tfp.bijectors, tfp.distributions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@keras.saving.register_keras_serializable("tests")
def mixture(parts):
    return tfd.MixtureSameFamily(
        tfd.Categorical(logits=tf.Variable(tf.zeros([parts]))),
        tfd.Normal(
            tf.Variable(tf.range(float(parts))), tfp.util.TransformedVariable(1.0, tfb.Exp())
        ),
    )


def _transformed(kind, bijector, shape):
    return kind(tfd.Sample(tfd.Normal(0.0, 1.0), shape), bijector)


DISTRIBUTIONS = {
    "normal": (lambda: tfd.Normal(tf.Variable(0.0), 1.0), (), 1),
    "mixture": (lambda: mixture(3), (), 3),
    "transformed": (
        lambda: _transformed(tfd.TransformedDistribution, BIJECTORS["real_nvp"][0](), [4]),
        (4,),
        2,
    ),
    "flow": (
        lambda: _transformed(FlowDistribution, tfb.Invert(ActNorm(4)), [2, 2, 4]),
        (2, 2, 4),
        2,
    ),
    "autoregressive": (
        lambda: _transformed(
            tfd.TransformedDistribution, BIJECTORS["autoregressive_unbuilt"][0](), [4]
        ),
        (4,),
        4,
    ),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_maximum_likelihood_by_fit(name, tmp_path):
    make, event_shape, trained = DISTRIBUTIONS[name]

    def model():
        return keras.Sequential([keras.Input(event_shape), DistributionLayer(make)])

    x = np.random.default_rng(0).normal(2.0, 0.5, [16, *event_shape]).astype(np.float32)
    flow = model()
    layer = flow.layers[0]
    assert len(layer.trainable_variables) == trained
    np.testing.assert_allclose(layer(x), layer.distribution.log_prob(x), rtol=1e-4, atol=1e-4)
    assert layer.log_prob(x).shape == (16,) and layer.sample(3).shape == (3, *event_shape)
    flow.compile(keras.optimizers.Adam(0.05), loss=lambda _, log_prob: -log_prob, jit_compile=False)
    losses = flow.fit(x, np.zeros([16]), epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0] - 0.05
    flow.save_weights(tmp_path / "flow.weights.h5")
    loaded = model()
    loaded.load_weights(tmp_path / "flow.weights.h5")
    np.testing.assert_array_equal(loaded(x), flow(x))


def test_trains_inside_ones_own_layer_by_add_loss():
    class Likely(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.density = DistributionLayer(mixture(2))

        def call(self, x):
            self.add_loss(-tf.reduce_mean(self.density(x)))
            return x

    model = keras.Sequential([keras.Input([]), Likely()])
    model.compile("sgd", jit_compile=False)
    assert len(model.trainable_variables) == 3
    before = [variable.numpy() for variable in model.trainable_variables]
    model.fit(np.full([4], 3.0, np.float32), verbose=0)
    for old, variable in zip(before, model.trainable_variables, strict=True):
        assert np.any(old != variable.numpy())


def test_a_joint_distribution_takes_a_structure():
    parts = [tfd.Normal(tf.Variable(0.0), 1.0), tfd.Normal(tf.Variable(1.0), 1.0)]
    layer = DistributionLayer(tfd.JointDistributionSequential(parts))
    x = [np.zeros(3, np.float32), np.ones(3, np.float32)]
    expected = sum(part.log_prob(value) for part, value in zip(parts, x, strict=True))
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5)
    np.testing.assert_allclose(layer.log_prob(x), expected, rtol=1e-5)
    assert len(layer.trainable_variables) == 2


def test_a_discrete_distribution_takes_integers():
    layer = DistributionLayer(tfd.Categorical(logits=tf.Variable([0.0, 1.0])))
    np.testing.assert_allclose(layer(np.array([0, 1])), [-1.3132616, -0.3132617], rtol=1e-5)
    assert len(layer.trainable_variables) == 1


def test_a_keras_file_makes_it_again(tmp_path):
    model = keras.Sequential([keras.Input([]), DistributionLayer(mixture, {"parts": 3})])
    model.trainable_variables[0].assign_add([0.1, 0.2, 0.3])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.linspace(-1, 3, 5, dtype=np.float32)
    np.testing.assert_array_equal(loaded(x), model(x))


@pytest.mark.parametrize("value", [3, ActNorm(4), lambda: 3])
def test_what_is_no_distribution_is_refused(value):
    with pytest.raises((ValueError, TypeError), match="distribution"):
        DistributionLayer(value)
