import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.random_glow import randomize
from tests.tfglow.bijectors.contract import keras_network
from tfglow.bijectors import AffineCoupling
from tfglow.networks import CouplingNetwork


@pytest.fixture(name="x")
def _x():
    return np.random.default_rng(0).normal(size=[2, 3, 2, 4])


def constant_outputs(x1, values):
    """A network's output that is `values` at every pixel."""
    return tf.broadcast_to(tf.constant(values, x1.dtype), [*x1.shape[:-1], len(values)])


def test_formula_with_interleaved_shift_and_scale(x):
    t, h = np.array([0.5, -1.0]), np.array([2.0, -3.0])
    # Even channels of the network's output shift, odd ones scale.
    coupling = AffineCoupling(
        lambda x1: constant_outputs(x1, [t[0], h[0], t[1], h[1]]),
        dtype=tf.float64,
    )
    y, log_det = coupling.forward_and_log_det(x)
    s = 1.0 / (1.0 + np.exp(-(h + 2.0)))
    np.testing.assert_array_equal(y[..., :2], x[..., :2])
    np.testing.assert_allclose(y[..., 2:], (x[..., 2:] + t) * s, rtol=1e-12)
    np.testing.assert_allclose(log_det, [3 * 2 * np.sum(np.log(s))] * 2, rtol=1e-12)


def test_starts_at_a_scale_of_sigmoid_2(x):
    coupling = AffineCoupling(CouplingNetwork(2, 4, 8, dtype="float64"), dtype=tf.float64)
    y = coupling.forward(x)
    np.testing.assert_allclose(y[..., 2:], x[..., 2:] / (1 + np.exp(-2.0)), rtol=1e-12)


def test_extreme_scales_stay_finite(x):
    for h in (-80.0, 80.0):
        coupling = AffineCoupling(lambda x1, h=h: constant_outputs(x1, [0.0, h, 0.0, h]))
        y, log_det = coupling.forward_and_log_det(x.astype(np.float32))
        back, _ = coupling.inverse_and_log_det(y)
        assert np.all(np.isfinite(y)) and np.all(np.isfinite(log_det))
        np.testing.assert_allclose(back[..., 2:], x[..., 2:], rtol=1e-5, atol=1e-5)


def test_network_sees_half_of_the_channels_in_both_directions(x):
    seen = []

    def network(x1):
        seen.append(x1)
        return tf.zeros_like(tf.repeat(x1, 2, axis=-1))

    coupling = AffineCoupling(network, dtype=tf.float64)
    y = coupling.forward(x).numpy()
    coupling.inverse(y)
    np.testing.assert_array_equal(seen[0], x[..., :2])
    np.testing.assert_array_equal(seen[1], x[..., :2])


def test_keras_variables_are_shown():
    network = keras_network(2, 4, "float32")
    coupling = AffineCoupling(network)
    shown = {id(variable) for variable in coupling.trainable_variables}
    assert shown == {id(variable.value) for variable in network.trainable_variables}
    assert len(shown) == 4


def test_variables_of_a_network_with_state_are_shown():
    network = keras.Sequential(
        [
            keras.Input([None, None, 2]),
            keras.layers.Conv2D(4, 1),
            keras.layers.BatchNormalization(),
        ]
    )
    coupling = AffineCoupling(network)
    assert len(coupling.trainable_variables) == 4
    assert len(coupling.variables) == 6


def test_network_in_lower_precision(x):
    network = CouplingNetwork(2, 4, 8, seed=1, compute_dtype="bfloat16")
    coupling = AffineCoupling(network)
    randomize(coupling)
    x = x.astype(np.float32)
    y, log_det = coupling.forward_and_log_det(x)
    assert y.dtype == log_det.dtype == tf.float32
    np.testing.assert_array_equal(y[..., :2], x[..., :2])
    np.testing.assert_allclose(coupling.inverse(y.numpy()), x, rtol=1e-5, atol=1e-5)


def test_initialize_normalises_the_hidden_layers(x):
    network = CouplingNetwork(2, 4, 8, seed=1, dtype="float64")
    coupling = AffineCoupling(network, dtype=tf.float64)
    x = np.tile(x, [8, 1, 1, 1]) * 3.0 + 2.0
    y = coupling.initialize(x)
    np.testing.assert_allclose(y, coupling.forward(x), rtol=1e-12)
    hidden = network.conv_1.pre_activation(x[..., :2]).numpy().reshape(-1, 8)
    np.testing.assert_allclose(hidden.mean(0), 0.0, atol=1e-10)
    np.testing.assert_allclose(hidden.var(0), 1.0, rtol=1e-4)


def test_initialize_of_a_network_that_has_none(x):
    coupling = AffineCoupling(keras_network(2, 4, "float64"), dtype=tf.float64)
    np.testing.assert_allclose(coupling.initialize(x), coupling.forward(x))


@pytest.mark.parametrize("network", [None, 3, "network"])
def test_network_must_be_callable(network):
    with pytest.raises(ValueError, match=f"`network` of affine_coupling.*got {network!r}"):
        AffineCoupling(network)


def test_network_must_be_built():
    network = keras.Sequential([keras.layers.Conv2D(4, 3, padding="same")])
    with pytest.raises(ValueError, match="must be built"):
        AffineCoupling(network)
    network.build([None, None, None, 2])
    AffineCoupling(network)


def test_odd_number_of_channels():
    coupling = AffineCoupling(lambda x1: x1)
    for method in (coupling.forward, coupling.inverse, coupling.initialize):
        with pytest.raises(ValueError, match=r"even number of channels.*got 5.*\(2, 2, 5\)"):
            method(np.zeros([1, 2, 2, 5], np.float32))


def test_number_of_the_networks_outputs(x):
    coupling = AffineCoupling(lambda x1: x1, dtype=tf.float64)
    with pytest.raises(ValueError, match="must return 4 channels for an input of 2, got 2"):
        coupling.forward(x)


def test_network_for_other_channels(x):
    coupling = AffineCoupling(CouplingNetwork(4, 8, 8, dtype="float64"), dtype=tf.float64)
    with pytest.raises(ValueError, match="in_channels = 4, got an input with 2"):
        coupling.forward(x)
