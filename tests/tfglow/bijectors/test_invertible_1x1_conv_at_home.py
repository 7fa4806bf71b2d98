"""`Invertible1x1Conv` in models that other people write."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfglow
from tests.forked import Forked
from tests.random_glow import randomize
from tfglow.bijectors import Invertible1x1Conv

pytestmark = pytest.mark.slow

tfb = tfp.bijectors
tfd = tfp.distributions

CHANNELS = 4
EVENT_SHAPE = [2, 3, CHANNELS]


@pytest.fixture(params=["lu", "full"], name="conv")
def _conv(request):
    conv = Invertible1x1Conv(CHANNELS, request.param, seed=1)
    randomize(conv)
    return conv


@pytest.fixture(name="x")
def _x():
    """Correlated channels: there is something to learn."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=[CHANNELS, CHANNELS])
    return tf.constant(rng.normal(size=[64, *EVENT_SHAPE]) @ mixing, tf.float32)


def distribution_of(bijector):
    """What becomes white by `bijector`."""
    base = tfd.Sample(tfd.Normal(0.0, 1.0), EVENT_SHAPE)
    return tfd.TransformedDistribution(base, tfb.Invert(bijector))


def expected_log_prob(conv, x):
    """log N(x W; 0, I) + H·W·log |det W|, by NumPy."""
    weight = conv.weight().numpy().astype(np.float64)
    y = np.asarray(x, np.float64) @ weight
    log_det = y.shape[-3] * y.shape[-2] * np.linalg.slogdet(weight)[1]
    return -0.5 * np.sum(y**2 + np.log(2 * np.pi), axis=(-3, -2, -1)) + log_det


def test_in_a_chain_with_a_masked_autoregressive_flow(conv, x):
    network = tfb.AutoregressiveNetwork(params=2, hidden_units=[8], activation="tanh")
    flow = tfb.MaskedAutoregressiveFlow(network)
    chain = tfb.Chain(
        [
            flow,  # On vectors: it comes last, after the images are flattened.
            tfb.Reshape(event_shape_out=[24], event_shape_in=EVENT_SHAPE),
            conv,
        ]
    )
    y = chain.forward(x[:5])
    assert y.shape == (5, 24)
    np.testing.assert_allclose(chain.inverse(tf.identity(y)), x[:5], rtol=1e-4, atol=1e-4)
    flat = tf.reshape(x[:5] @ conv.weight(), [5, 24])
    np.testing.assert_allclose(y, flow.forward(flat), rtol=1e-4, atol=1e-4)
    expected = conv.forward_log_det_jacobian(x[:5]) + flow.forward_log_det_jacobian(flat)
    log_det = chain.forward_log_det_jacobian(x[:5], event_ndims=3)
    np.testing.assert_allclose(log_det, expected, rtol=1e-4, atol=1e-4)
    shown = {id(variable) for variable in chain.trainable_variables}
    assert {id(variable) for variable in conv.trainable_variables} <= shown


def test_between_two_of_its_kind_in_a_chain(x):
    convs = [Invertible1x1Conv(CHANNELS, seed=seed) for seed in (1, 2)]
    chain = tfb.Chain(convs)
    weight = convs[1].weight() @ convs[0].weight()  # A chain applies its last bijector first.
    np.testing.assert_allclose(chain.forward(x), x @ weight, rtol=1e-4, atol=1e-5)
    assert chain.inverse_event_shape(EVENT_SHAPE) == EVENT_SHAPE
    assert len(chain.trainable_variables) == 6


def test_inverted(conv, x):
    inverted = tfb.Invert(conv)
    np.testing.assert_array_equal(inverted.forward(x), conv.inverse(tf.identity(x)))
    np.testing.assert_array_equal(
        inverted.forward_log_det_jacobian(x), conv.inverse_log_det_jacobian(tf.identity(x))
    )
    twice = tfb.Invert(inverted)
    np.testing.assert_array_equal(twice.forward(x), conv.forward(tf.identity(x)))
    assert len(inverted.trainable_variables) == len(conv.trainable_variables)


def test_reshaped(conv, x):
    """On vectors, as a mixing of their parts."""
    on_vectors = tfb.Chain(
        [
            tfb.Reshape(event_shape_out=[24], event_shape_in=EVENT_SHAPE),
            conv,
            tfb.Reshape(event_shape_out=EVENT_SHAPE, event_shape_in=[24]),
        ]
    )
    vectors = tf.reshape(x, [64, 24])
    y = on_vectors.forward(vectors)
    np.testing.assert_allclose(y, tf.reshape(conv.forward(x), [64, 24]), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        on_vectors.forward_log_det_jacobian(vectors), conv.forward_log_det_jacobian(x), rtol=1e-5
    )
    assert on_vectors.forward_min_event_ndims == on_vectors.inverse_min_event_ndims == 1


def test_in_a_transformed_distribution(conv, x):
    distribution = distribution_of(conv)
    np.testing.assert_allclose(distribution.log_prob(x), expected_log_prob(conv, x), rtol=1e-5)
    sample = distribution.sample([2, 3], seed=0)
    assert sample.shape == (2, 3, *EVENT_SHAPE)
    np.testing.assert_allclose(
        distribution.log_prob(tf.identity(sample)), distribution.log_prob(sample), rtol=1e-4
    )
    assert distribution.event_shape == EVENT_SHAPE and distribution.batch_shape == []


def test_in_a_joint_distribution_coroutine(conv):
    @tfd.JointDistributionCoroutineAutoBatched
    def batched():
        scale = yield tfd.LogNormal(0.0, 0.5, name="scale")
        base = tfd.Sample(tfd.Normal(0.0, scale), EVENT_SHAPE)
        yield tfd.TransformedDistribution(base, tfb.Invert(conv), name="image")

    @tfd.JointDistributionCoroutine
    def plain():
        scale = yield tfd.JointDistributionCoroutine.Root(tfd.LogNormal(0.0, 0.5, name="scale"))
        base = tfd.Sample(tfd.Normal(0.0, scale), EVENT_SHAPE)
        yield tfd.TransformedDistribution(base, tfb.Invert(conv), name="image")

    for joint in (plain, batched):
        sample = joint.sample(3, seed=1)
        assert sample.image.shape == (3, *EVENT_SHAPE)
        y = sample.image @ conv.weight()
        scale = sample.scale[:, None, None, None]
        expected = tfd.LogNormal(0.0, 0.5).log_prob(sample.scale)
        expected += tf.reduce_sum(tfd.Normal(0.0, scale).log_prob(y), [1, 2, 3])
        expected += 6 * conv.log_abs_det_weight()
        np.testing.assert_allclose(joint.log_prob(sample), expected, rtol=1e-4, atol=1e-3)
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(joint.log_prob(sample))
        assert all(g is not None for g in tape.gradient(loss, conv.trainable_variables))


def optimum(x):
    """The largest mean log-likelihood that any W gives `x`: a Gaussian of its covariance."""
    rows = x.numpy().reshape(-1, CHANNELS).astype(np.float64)
    covariance = rows.T @ rows / len(rows)
    log_det = np.linalg.slogdet(2 * np.pi * np.e * covariance)[1]
    return -0.5 * 6 * log_det


@pytest.mark.parametrize("optimizer", [keras.optimizers.Adam, "tf_keras"])
def test_trained_by_tfp_minimize(conv, x, optimizer):
    if optimizer == "tf_keras":
        optimizer = pytest.importorskip("tf_keras").optimizers.Adam
    losses = tfp.math.minimize(
        lambda: -tf.reduce_mean(distribution_of(conv).log_prob(x)),
        num_steps=300,
        optimizer=optimizer(learning_rate=0.05),
        trainable_variables=conv.trainable_variables,
    )
    assert losses[0] > -optimum(x) + 1.0
    assert abs(losses[-1] + optimum(x)) < 0.1


def test_trained_by_tfp_minimize_through_a_distribution_made_once(x):
    """Variables are found by themselves, in a distribution that lives as long as its model."""
    conv = Invertible1x1Conv(CHANNELS, seed=1)
    distribution = distribution_of(conv)
    optimizer = keras.optimizers.Adam(0.05)
    tfp.math.minimize(lambda: -tf.reduce_mean(distribution.log_prob(x)), 300, optimizer)
    assert abs(tf.reduce_mean(distribution.log_prob(x)) - optimum(x)) < 0.1


@pytest.mark.parametrize("traced", [False, True])
def test_trained_by_a_keras_optimizer(conv, x, traced):
    optimizer = keras.optimizers.Adam(0.05)
    distribution = distribution_of(conv)

    def step():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(distribution.log_prob(x))
        gradients = tape.gradient(loss, distribution.trainable_variables)
        optimizer.apply_gradients(zip(gradients, distribution.trainable_variables, strict=True))
        return loss

    if traced:
        optimizer.build(conv.trainable_variables)
        step = tf.function(step)
    for _ in range(150):
        loss = step()
    assert abs(loss + optimum(x)) < 0.3


def test_trained_by_a_plain_tape(conv, x):
    def step():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(distribution_of(conv).log_prob(x))
        for variable, gradient in zip(
            conv.trainable_variables, tape.gradient(loss, conv.trainable_variables), strict=True
        ):
            variable.assign_sub(0.01 * tf.clip_by_norm(gradient, 5.0))
        return loss

    losses = [step() for _ in range(20)]
    assert losses[-1] < losses[0] - 1.0
    traced = tf.function(step)
    losses = [traced() for _ in range(180)]
    assert abs(losses[-1] + optimum(x)) < 0.3


def test_trained_in_a_keras_layer(conv, x):
    class Flow(keras.layers.Layer):
        """A layer of somebody's that adds its own loss."""

        def __init__(self):
            super().__init__()
            self.shift = self.add_weight((CHANNELS,), initializer="zeros", name="shift")
            self.conv = tfglow.BijectorLayer(conv)

        def call(self, inputs):
            return distribution_of(self.conv.bijector).log_prob(inputs + self.shift)

    layer = Flow()
    variables = [layer.shift.value, *conv.trainable_variables]
    assert {id(v.value) for v in layer.trainable_variables} == {id(v) for v in variables}
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(layer(x))
    assert all(gradient is not None for gradient in tape.gradient(loss, variables))
    model = keras.Sequential([keras.Input(EVENT_SHAPE), layer])
    np.testing.assert_allclose(model.predict(x, verbose=0), layer(x), rtol=1e-4)


class SomeModel(tf.Module):
    """Somebody's model, exported with signatures of its own."""

    def __init__(self, conv):
        super().__init__()
        self.flow = tfb.Chain([tfb.Scale(2.0), conv])

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, CHANNELS])])
    def encode(self, x):
        log_det = self.flow.forward_log_det_jacobian(x, event_ndims=3)
        return {"y": self.flow.forward(x), "log_det": log_det + tf.zeros(tf.shape(x)[:1])}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, CHANNELS])])
    def decode(self, y):
        return {"x": self.flow.inverse(y)}


def test_checkpointed_and_restored_in_a_fresh_object(conv, x, tmp_path):
    path = tf.train.Checkpoint(model=SomeModel(conv)).save(tmp_path / "model")
    fresh_conv = Invertible1x1Conv(CHANNELS, conv.parameterization, seed=2)
    fresh = SomeModel(fresh_conv)
    before = fresh.encode(x)["y"]
    tf.train.Checkpoint(model=fresh).restore(path).assert_consumed()
    assert np.max(np.abs(before - conv.forward(x) * 2.0)) > 0.1
    np.testing.assert_allclose(fresh.encode(x)["y"], conv.forward(x) * 2.0, rtol=1e-6)
    np.testing.assert_array_equal(fresh_conv.weight(), conv.weight())


WITHOUT_TFGLOW = """
import sys
import numpy as np

sys.modules["tfglow"] = None  # As if it were not installed: importing it fails.
sys.modules["tensorflow_probability"] = None
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
arrays = np.load(sys.argv[2])
encoded = model.encode(tf.constant(arrays["x"]))
decoded = model.signatures["decode"](y=encoded["y"])
np.savez(sys.argv[3], y=encoded["y"], log_det=encoded["log_det"], x=decoded["x"])
"""


def test_exported_in_a_saved_model_that_runs_without_tfglow(conv, x, tmp_path):
    model = SomeModel(conv)
    tf.saved_model.save(model, tmp_path / "export", signatures={"decode": model.decode})
    np.savez(tmp_path / "in.npz", x=x)
    script = tmp_path / "run.py"
    script.write_text(WITHOUT_TFGLOW)
    with Forked(script, "export", "in.npz", "out.npz", cwd=tmp_path) as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    arrays = np.load(tmp_path / "out.npz")
    np.testing.assert_allclose(arrays["y"], 2.0 * conv.forward(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(arrays["x"], x, rtol=1e-4, atol=1e-4)
    expected = conv.forward_log_det_jacobian(x) + 24 * np.log(2.0)
    np.testing.assert_allclose(arrays["log_det"], [expected] * 64, rtol=1e-5)


@pytest.mark.parametrize("channels", [3, 5, 8])
def test_channels_that_do_not_fit_are_refused_with_both_numbers(conv, channels):
    wrong = tf.zeros([2, 2, 3, channels])
    message = f"num_channels = {CHANNELS}, got an input with {channels} channels"
    for refused in (
        conv.forward,
        conv.inverse,
        conv.forward_log_det_jacobian,
        tf.function(conv.forward),
        tfb.Chain([tfb.Exp(), conv]).forward,
        tfb.Invert(conv).inverse,
        distribution_of(conv).log_prob,
    ):
        with pytest.raises(ValueError, match=message):
            refused(wrong)
