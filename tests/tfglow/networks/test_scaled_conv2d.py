"""The official code's convolutions."""

import numpy as np
import pytest
import tensorflow as tf

from tests.random_glow import randomize
from tests.tfglow.networks.convolution import explicit_convolution
from tfglow.networks import ScaledConv2D, scaled_conv2d


@pytest.fixture(name="x")
def _x():
    return np.random.default_rng(0).normal(size=[2, 5, 4, 3])


@pytest.mark.parametrize("filters", [2, 6])  # The edge goes to the smaller of input and output.
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
def test_convolution_is_the_official_one(x, kernel_size, filters):
    conv = ScaledConv2D(3, filters, kernel_size, dtype="float64")
    randomize(conv, scale=0.3)
    expected = explicit_convolution(x, conv.kernel.numpy(), conv.b.numpy(), conv.logs.numpy())
    np.testing.assert_allclose(conv(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("filters", [2, 6])
def test_convolution_of_unknown_sizes(x, filters):
    conv = ScaledConv2D(3, filters, 3, dtype="float64")
    randomize(conv, scale=0.3)
    spec = tf.TensorSpec([None, None, None, 3], tf.float64)
    traced = tf.function(conv, input_signature=[spec], autograph=False)
    for part in (x, x[:1, :3], x[:, :, :1]):
        np.testing.assert_allclose(traced(part), conv(part), rtol=1e-12, atol=1e-13)


def test_edge_channel_shows_the_edge_alone(x):
    conv = ScaledConv2D(3, 1, 3, dtype="float64")
    kernel = np.zeros([3, 3, 4, 1])
    kernel[:, :, -1] = 1.0
    conv.kernel.assign(kernel)
    # How many of the nine places lie outside of the image.
    expected = [[5, 3, 3, 5], [3, 0, 0, 3], [3, 0, 0, 3], [3, 0, 0, 3], [5, 3, 3, 5]]
    np.testing.assert_array_equal(conv(x)[1, :, :, 0], expected)


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("filters", [2, 6])  # The edge goes to the smaller of input and output.
def test_activation_comes_last(x, kernel_size, filters):
    linear = ScaledConv2D(3, filters, kernel_size, dtype="float64")
    randomize(linear, scale=0.3)
    conv = ScaledConv2D(
        3, filters, kernel_size, activation=tf.nn.relu, dtype="float64", weights=linear.weights
    )
    np.testing.assert_allclose(conv.pre_activation(x), linear(x), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(conv(x), np.maximum(linear(x), 0.0), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
@pytest.mark.slow
def test_gradient_of_the_convolution(x, kernel_size):
    conv = ScaledConv2D(3, 6, kernel_size, dtype="float64")
    randomize(conv, scale=0.3)
    # A few pixels: the numeric one runs it twice for each number.
    ((analytic,), (numeric,)) = tf.test.compute_gradient(conv, [x[:1, :3]])
    np.testing.assert_allclose(analytic, numeric, atol=1e-9)


def test_zero_initialised_by_default(x):
    np.testing.assert_array_equal(ScaledConv2D(3, 6, 3, dtype="float64")(x), np.zeros([2, 5, 4, 6]))


@pytest.mark.parametrize("channels", [2, 6])
def test_convolution_refuses_other_channels(channels):
    # 6 is twice 3: TensorFlow alone would take it for a convolution in two groups.
    conv = ScaledConv2D(3, 6, 3)
    with pytest.raises(ValueError, match=f"in_channels = 3, got an input with {channels}"):
        conv(np.zeros([1, 4, 4, channels], np.float32))
    traced = tf.function(conv, input_signature=[tf.TensorSpec([None, None, None, None])])
    traced(np.zeros([1, 4, 4, 3], np.float32))
    with pytest.raises(tf.errors.InvalidArgumentError):
        traced(np.zeros([1, 4, 4, channels], np.float32))


@pytest.mark.parametrize("dtype", ["float64", "float32", "mixed_bfloat16"])
@pytest.mark.parametrize("kernel_size", [1, 3])
def test_initialize_gives_mean_0_and_variance_1(dtype, kernel_size):
    x = np.random.default_rng(0).normal(size=[32, 4, 4, 3]) * 5.0 + 20.0
    precision = {"dtype": dtype}
    if dtype == "mixed_bfloat16":
        precision = {"dtype": "float32", "compute_dtype": "bfloat16"}
    conv = ScaledConv2D(3, 6, kernel_size, 0.05, seed=1, **precision)
    conv.b.assign(np.ones(6))  # What was there before does not matter.
    conv.logs.assign(np.ones(6))
    y = np.asarray(tf.cast(conv.initialize(x), tf.float64))
    tolerance = 0.05 if dtype == "mixed_bfloat16" else 1e-3
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0.0, atol=tolerance)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1.0, rtol=tolerance)
    np.testing.assert_array_equal(y, tf.cast(conv(x), tf.float64))


def test_weights_of_one_dtype_and_arithmetic_of_another(x):
    exact = ScaledConv2D(3, 6, 3, dtype="float32")
    randomize(exact, scale=0.3)
    low = ScaledConv2D(3, 6, 3, compute_dtype="bfloat16", weights=exact.weights)
    assert low.variables == exact.variables and low.kernel.dtype == tf.float32
    y = low(x)
    assert y.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(y, tf.float32), exact(x), rtol=0.05, atol=0.1)


def test_the_initial_kernel():
    kernels = [ScaledConv2D(31, 64, 3, 0.05, seed=s).kernel.numpy() for s in (1, 1, 2, None, None)]
    assert kernels[0].shape == (3, 3, 32, 64)
    assert abs(np.std(kernels[0]) - 0.05) < 0.001 and abs(np.mean(kernels[0])) < 0.001
    np.testing.assert_array_equal(kernels[0], kernels[1])
    for i, j in ((0, 2), (0, 3), (3, 4)):
        assert np.max(np.abs(kernels[i] - kernels[j])) > 0.01


def test_names_of_variables():
    named = ScaledConv2D(3, 6, 3).named_variables
    assert {name: tuple(v.shape) for name, v in named.items()} == {
        "kernel": (3, 3, 4, 6),
        "b": (6,),
        "logs": (6,),
    }


@pytest.mark.parametrize("with_gradients", [False, True])
@pytest.mark.parametrize(
    "channels, filters, kernel_size",
    [(2, 300, 3), (3, 6, 3), (8, 4, 3), (4, 6, 1)],  # All three ways to see the edge, and none.
)
def test_folded_for_serving_and_for_training(channels, filters, kernel_size, with_gradients):
    conv = ScaledConv2D(channels, filters, kernel_size, dtype="float64")
    randomize(conv, scale=0.3)
    x = np.random.default_rng(0).normal(size=[2, 5, 4, channels])
    expected = explicit_convolution(x, conv.kernel.numpy(), conv.b.numpy(), conv.logs.numpy())
    folded = scaled_conv2d.fold(conv.weights, 5, 4, tf.float64, with_gradients)
    y = scaled_conv2d.apply(folded, tf.constant(x), None, trainable=with_gradients)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-11)
