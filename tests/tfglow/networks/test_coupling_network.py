"""The official code's coupling network."""

import numpy as np
import pytest
import tensorflow as tf

from tests.random_glow import randomize
from tests.tfglow.networks.convolution import explicit_convolution
from tfglow.networks import CouplingNetwork


@pytest.fixture(name="x")
def _x():
    return np.random.default_rng(0).normal(size=[2, 5, 4, 3])


def test_coupling_network_is_the_official_one(x):
    network = CouplingNetwork(3, 4, 8, seed=1, dtype="float64")
    randomize(network, scale=0.3)
    layers = network.conv_1, network.conv_2, network.conv_last
    values = [[v.numpy() for v in (layer.kernel, layer.b, layer.logs)] for layer in layers]
    h = np.maximum(explicit_convolution(x, *values[0]), 0.0)
    h = np.maximum(explicit_convolution(h, *values[1]), 0.0)
    np.testing.assert_allclose(network(x), explicit_convolution(h, *values[2]), rtol=1e-10)
    assert [v[0].shape for v in values] == [(3, 3, 4, 8), (1, 1, 8, 8), (3, 3, 9, 4)]
    assert len(network.trainable_variables) == 9


def test_coupling_network_starts_at_zero(x):
    network = CouplingNetwork(3, 4, 64, seed=1)
    np.testing.assert_array_equal(network(x), np.zeros([2, 5, 4, 4]))
    for conv in (network.conv_1, network.conv_2):
        assert abs(np.std(conv.kernel) - 0.05) < 0.005
        assert abs(np.mean(conv.kernel)) < 0.005


def test_seeds_of_coupling_networks():
    kernels = [
        CouplingNetwork(8, 4, 8, seed=s).conv_2.kernel.numpy() for s in (1, 1, 2, None, None)
    ]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    for i, j in ((0, 2), (0, 3), (3, 4)):
        assert np.max(np.abs(kernels[i] - kernels[j])) > 0.01
    network = CouplingNetwork(7, 4, 8, seed=1)  # With the edge, both kernels hold 8 channels.
    assert np.max(np.abs(network.conv_1.kernel[0, 0] - network.conv_2.kernel[0, 0])) > 0.01


def test_coupling_network_initialises_its_hidden_layers():
    x = np.random.default_rng(0).normal(size=[16, 4, 4, 3]) * 2.0 - 1.0
    network = CouplingNetwork(3, 4, 8, seed=1, dtype="float64")
    output = network.initialize(x)
    first = network.conv_1.pre_activation(x)
    second = network.conv_2.pre_activation(tf.nn.relu(first))
    for y in (first, second):
        np.testing.assert_allclose(tf.reduce_mean(y, [0, 1, 2]), np.zeros(8), atol=1e-10)
        np.testing.assert_allclose(tf.math.reduce_std(y, [0, 1, 2]), np.ones(8), rtol=1e-3)
    np.testing.assert_array_equal(output, network(x))
    np.testing.assert_array_equal(network.conv_last.logs, np.zeros(4))


@pytest.mark.parametrize("argument", ["in_channels", "out_channels", "width"])
@pytest.mark.parametrize("value", [0, -3, 2.5, "8", None])
def test_coupling_network_refuses_counts(argument, value):
    counts = {"in_channels": 3, "out_channels": 4, "width": 8, argument: value}
    with pytest.raises(ValueError, match=f"`{argument}` must be a positive integer, got {value!r}"):
        CouplingNetwork(**counts)


def test_every_variable_of_the_coupling_network_gets_a_gradient(x):
    network = CouplingNetwork(3, 4, 8, seed=1, dtype="float64")
    randomize(network, scale=0.3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(network(x)))
    for gradient in tape.gradient(loss, network.trainable_variables):
        assert np.any(gradient.numpy() != 0.0)


def test_weights_of_one_dtype_and_arithmetic_of_another(x):
    exact = CouplingNetwork(3, 4, 8, seed=1)
    randomize(exact, scale=0.3)
    low = CouplingNetwork(3, 4, 8, compute_dtype="bfloat16", weights=exact.weights)
    assert set(map(id, low.variables)) == set(map(id, exact.variables))
    y = low(x)
    assert y.dtype == low.compute_dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(y, tf.float32), exact(x), rtol=0.1, atol=0.3)


def test_names_of_variables():
    network = CouplingNetwork(3, 4, 8)
    assert list(network.named_variables) == [
        f"{conv}/{name}"
        for conv in ("conv_1", "conv_2", "conv_last")
        for name in ("kernel", "b", "logs")
    ]
    assert len(network.variables) == 9
