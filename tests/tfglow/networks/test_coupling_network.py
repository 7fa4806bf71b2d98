import keras
import numpy as np
import pytest
import tensorflow as tf

from tfglow.networks import (
    CouplingNetwork,
    ScaledConv2D,
    ScaledDense,
    data_dependent_shift_and_log_scale,
)


@pytest.fixture(name="x")
def _x():
    return np.random.default_rng(0).normal(size=[2, 5, 4, 3])


def randomize(layer, seed=1):
    rng = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        variable.assign(0.3 * rng.normal(size=variable.shape))


def explicit_convolution(x, kernel, b, logs):
    """The official convolution: zeros around, then a channel, last, that is 1 there; VALID."""
    size = kernel.shape[0]
    if size > 1:
        before, after = (size - 1) // 2, size - 1 - (size - 1) // 2
        around = [[0, 0], [before, after], [before, after], [0, 0]]
        edge = np.pad(np.zeros([*x.shape[:-1], 1]), around, constant_values=1.0)
        x = np.concatenate([np.pad(x, around), edge], axis=-1)
    y = np.zeros([x.shape[0], x.shape[1] - size + 1, x.shape[2] - size + 1, kernel.shape[-1]])
    for row in range(size):
        for column in range(size):
            window = x[:, row : row + y.shape[1], column : column + y.shape[2]]
            y += window @ kernel[row, column]
    return (y + b) * np.exp(3 * logs)


@pytest.mark.parametrize("filters", [2, 6])  # The edge goes to the smaller of input and output.
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
def test_convolution_is_the_official_one(x, kernel_size, filters):
    conv = ScaledConv2D(3, filters, kernel_size, dtype="float64")
    randomize(conv)
    expected = explicit_convolution(x, conv.kernel.numpy(), conv.b.numpy(), conv.logs.numpy())
    np.testing.assert_allclose(conv(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("filters", [2, 6])
def test_convolution_of_unknown_sizes(x, filters):
    conv = ScaledConv2D(3, filters, 3, dtype="float64")
    randomize(conv)
    traced = tf.function(conv, input_signature=[tf.TensorSpec([None, None, None, 3], tf.float64)])
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
    randomize(linear)
    conv = ScaledConv2D(3, filters, kernel_size, activation="relu", dtype="float64")
    conv.set_weights(linear.get_weights())
    np.testing.assert_allclose(conv.pre_activation(x), linear(x), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(conv(x), np.maximum(linear(x), 0.0), rtol=1e-12, atol=1e-13)
    copy = ScaledConv2D.from_config(conv.get_config())
    assert copy.activation is conv.activation


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
def test_gradient_of_the_convolution(x, kernel_size):
    conv = ScaledConv2D(3, 6, kernel_size, dtype="float64")
    randomize(conv)
    ((analytic,), (numeric,)) = tf.test.compute_gradient(conv, [x])
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


def test_statistics_are_the_official_ones():
    x = np.random.default_rng(0).normal(size=[7, 2, 3, 4]) * [1.0, 10.0, 1e-7, 0.0] + 3.0
    b, logs = data_dependent_shift_and_log_scale(tf.constant(x))
    np.testing.assert_allclose(b, -x.mean((0, 1, 2)), rtol=1e-12)
    rms = np.sqrt(np.mean((x - x.mean((0, 1, 2))) ** 2, (0, 1, 2)))
    np.testing.assert_allclose(np.exp(3 * logs), 1.0 / (rms + 1e-6), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float32", "mixed_bfloat16"])
@pytest.mark.parametrize("kernel_size", [1, 3])
def test_initialize_gives_mean_0_and_variance_1(dtype, kernel_size):
    x = np.random.default_rng(0).normal(size=[32, 4, 4, 3]) * 5.0 + 20.0
    normal = keras.initializers.RandomNormal(stddev=0.05, seed=1)
    conv = ScaledConv2D(3, 6, kernel_size, normal, dtype=dtype)
    conv.b.assign(np.ones(6))  # What was there before does not matter.
    conv.logs.assign(np.ones(6))
    y = np.asarray(tf.cast(conv.initialize(x), tf.float64))
    tolerance = 0.05 if dtype == "mixed_bfloat16" else 1e-3
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0.0, atol=tolerance)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1.0, rtol=tolerance)
    np.testing.assert_array_equal(y, tf.cast(conv(x), tf.float64))


def test_coupling_network_is_the_official_one(x):
    network = CouplingNetwork(3, 4, 8, seed=1, dtype="float64")
    randomize(network)
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


def test_dense(x):
    dense = ScaledDense(3, 5, dtype="float64")
    np.testing.assert_array_equal(dense(x[:, 0, 0]), np.zeros([2, 5]))
    randomize(dense)
    expected = (x[:, 0, 0] @ dense.kernel.numpy() + dense.b.numpy()) * np.exp(
        3 * dense.logs.numpy()
    )
    np.testing.assert_allclose(dense(x[:, 0, 0]), expected, rtol=1e-12)


LAYERS = [
    lambda: ScaledConv2D(3, 6, 3, dtype="float64", name="conv"),
    lambda: ScaledConv2D(3, 6, 1, keras.initializers.RandomNormal(stddev=0.1, seed=3)),
    lambda: CouplingNetwork(3, 4, 8, seed=5, dtype="mixed_bfloat16", name="network"),
    lambda: CouplingNetwork(3, 4, 8),
]


@pytest.mark.parametrize("make", LAYERS)
def test_keras_configuration_round_trip(make, x):
    layer = make()
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.name == layer.name and again.dtype_policy == layer.dtype_policy
    serialised = keras.saving.serialize_keras_object(layer)
    third = keras.saving.deserialize_keras_object(serialised)
    assert type(third) is type(layer) and third.get_config() == layer.get_config()
    third.set_weights(layer.get_weights())
    np.testing.assert_array_equal(tf.cast(third(x), tf.float64), tf.cast(layer(x), tf.float64))


# Keras 3.15 saves with np.array(variable), of which NumPy 2 warns.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("make", LAYERS)
def test_layers_are_saved_in_a_users_model(make, x, tmp_path):
    layer = make()
    randomize(layer)
    model = keras.Sequential([keras.Input([5, 4, 3], dtype="float64"), layer])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_every_variable_of_the_coupling_network_gets_a_gradient(x):
    network = CouplingNetwork(3, 4, 8, seed=1, dtype="float64")
    randomize(network)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(network(x)))
    variables = [v.value for v in network.trainable_variables]
    for gradient in tape.gradient(loss, variables):
        assert np.any(gradient.numpy() != 0.0)
