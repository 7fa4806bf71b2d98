import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.random_glow import assign_step, random_glow
from tfglow import likelihood
from tfglow.bijectors import AffineCoupling
from train.diagnostics import first_not_finite, health

pytestmark = pytest.mark.slow


@pytest.fixture(name="make_glow", scope="module")
def _make_glow(deep_model):
    def make():
        glow = tfglow.Glow(deep_model)
        glow.initialize(images())
        return glow

    return make


@pytest.fixture(name="initialized", scope="module")
def _initialized(make_glow):
    glow = make_glow()
    return glow, [variable.numpy() for variable in glow.weights]


@pytest.fixture
def glow(initialized):
    """A test may change its weights."""
    glow, values = initialized
    yield glow
    for variable, value in zip(glow.weights, values, strict=True):
        variable.assign(value)


def images(num=8):
    return np.random.default_rng(0).integers(0, 256, (num, 8, 8, 1), np.uint8)


NOISE = np.full((8, 8, 8, 1), 0.5, np.float32)


def test_a_fresh_flow_is_healthy(glow):
    numbers = health(glow, images())
    # s = sigmoid(2) everywhere, as the networks start at 0; rotations have condition number 1.
    assert numbers.min_coupling_scale == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)
    assert numbers.max_condition_number == pytest.approx(1.0, abs=1e-5)
    assert numbers.round_trip_error < 1e-5


def test_finds_the_smallest_scale_and_the_worst_matrix(glow):
    first, last = glow.flow.steps
    b = last[0].coupling.network.conv_last.b.numpy()
    b[1] = -7.0  # h of the first channel: s = sigmoid(-7 + 2)
    assign_step(last, 0, "network/conv_last/b", b)
    assign_step(first, 1, "permutation/lower", 0.0)
    assign_step(first, 1, "permutation/upper", 0.0)
    assign_step(first, 1, "permutation/log_s", np.log([8.0, 1.0, 1.0, 0.5]))
    numbers = health(glow, images())
    assert numbers.min_coupling_scale == pytest.approx(1 / (1 + np.exp(5)), rel=1e-4)
    assert numbers.max_condition_number == pytest.approx(16.0, rel=1e-5)


def test_round_trip_error_is_that_of_the_continuous_images(glow):
    """A scale beyond float32's range loses the image."""
    assign_step(glow.flow.steps[0], 0, "actnorm/b", 1e6)
    assert health(glow, images()).round_trip_error > 1e-3


def test_additive_and_shuffled_flows_have_health_too():
    config = tfglow.GlowConfig(
        image_shape=(8, 8, 1),
        levels=1,
        steps=1,
        width=4,
        coupling="additive",
        permutation="shuffle",
    )
    numbers = health(tfglow.Glow(config), images())
    assert numbers[:2] == (1.0, 1.0)
    assert numbers.round_trip_error < 1e-5


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("level0_step0/actnorm/b", "the output of level0_step0_actnorm"),
        ("level1_step0/actnorm/logs", "the output of level1_step0_actnorm"),
        (
            "level0_step1/permutation/lower",
            "the output of level0_step1_invertible_1x1_conv",
        ),
        (
            # Not of a hidden layer: a fused ReLU makes 0 of nan, and only the gradient shows it.
            "level1_step1/network/conv_last/kernel",
            "the output of level1_step1_affine_coupling",
        ),
        ("level0/split/conv/b", "the output of level0_split"),
        ("top_prior/logs", "the output of top_prior"),
    ],
)
@pytest.mark.parametrize("debugging", [False, True])
def test_names_the_first_layer_that_is_not_finite(glow, variable, expected, debugging):
    place, _, name = variable.partition("/")
    level, _, k = place.partition("_step")
    if k:
        assign_step(glow.flow.steps[int(level[-1])], int(k), name, np.nan)
    else:
        named = glow.flow.named_variables[variable]
        named.assign(tf.fill(named.shape, np.nan))
    tf.config.run_functions_eagerly(debugging)
    try:
        assert first_not_finite(glow, images(), NOISE) == expected
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize(
    ("log_scale", "expected"),
    [
        # b·exp(3·logs) overflows, though b takes all of x away: (x + b)·exp(3·logs) is 0.
        (np.log(1e30), "level0_step1_actnorm and level0_step1_reverse, which are one map"),
        (0.0, "level1_step0_affine_coupling"),
    ],
)
def test_a_step_is_run_as_it_was_when_it_failed(log_scale, expected):
    config = tfglow.GlowConfig(
        image_shape=(8, 8, 1), levels=2, steps=2, width=4, permutation="reverse"
    )
    glow, black = tfglow.Glow(config), np.zeros([2, 8, 8, 1], np.uint8)
    first = glow.flow.steps[0]
    assign_step(first, 0, "actnorm/b", 1e10)
    y, _ = first[0].forward_and_log_det(tf.zeros([1, 4, 4, 4]))
    assign_step(first, 1, "actnorm/b", -y[0, 1, 1])
    assign_step(first, 1, "actnorm/logs", log_scale / 3)
    if not log_scale:
        assign_step(glow.flow.steps[1], 0, "network/conv_last/b", np.nan)
    assert first_not_finite(glow, black, NOISE[:2]) == f"the output of {expected}"


def test_names_a_log_det_alone(glow):
    """log s is 1e39 of a map that is still finite: ActNorm's scale underflows to 0."""
    assign_step(glow.flow.steps[0], 0, "actnorm/logs", -1e38)
    assert first_not_finite(glow, images(), NOISE) == "the log-det of level0_step0_actnorm"


def test_names_the_noise(glow):
    noise = NOISE.copy()
    noise[3, 2, 1, 0] = np.inf
    assert first_not_finite(glow, images(), noise) == "the dequantised images"


def test_names_the_first_gradient_of_the_backward_pass(make_glow, monkeypatch):
    """Every output is finite, but the derivative of one step's coupling is not."""
    glow = make_glow()  # With nothing traced.
    spoiled_bias = -0.125
    assign_step(glow.flow.steps[1], 0, "network/conv_last/b", spoiled_bias)
    original = AffineCoupling.forward_half

    @tf.custom_gradient
    def spoil(x2, h):
        def gradient(upstream):
            # Only where the network is that of the step that was marked.
            marked = tf.reduce_all(tf.equal(h, spoiled_bias))
            return upstream * tf.where(marked, np.nan, 1.0), tf.zeros_like(h)

        return tf.identity(x2), gradient

    monkeypatch.setattr(
        AffineCoupling, "forward_half", staticmethod(lambda x2, h: original(spoil(x2, h), h))
    )
    # What comes before that coupling, so after it on the way back.
    assert (
        first_not_finite(glow, images(), NOISE) == "the gradient of level1_step0/permutation/log_s"
    )


def test_under_bfloat16_the_round_trip_is_that_of_encode_and_decode(deep_model):
    glow = random_glow(dataclasses.replace(deep_model, precision="mixed_bfloat16"))
    exact = random_glow(deep_model)
    error = health(glow, images()).round_trip_error
    assert error == health(exact, images()).round_trip_error < 1e-4
    x = likelihood.dequantize(images(), glow.config.num_bits, 0.5)
    rounded, _ = glow.flow.inverse_and_log_det(glow.flow.forward_and_log_det(x)[0])
    assert error <= float(tf.reduce_max(tf.abs(rounded - x)))


def test_a_conditional_flow_passes_its_labels_on():
    config = tfglow.GlowConfig(
        image_shape=(8, 8, 1), levels=2, steps=1, width=4, num_classes=3, weight_y=0.1
    )
    glow, labels = tfglow.Glow(config), np.arange(8) % 3
    glow.initialize(images(), labels)
    assert health(glow, images(), labels).round_trip_error < 1e-5
    glow.classifier.kernel.assign(tf.fill(glow.classifier.kernel.shape, np.nan))
    where = first_not_finite(glow, images(), NOISE, labels)
    assert where == "the loss, with every layer's output finite"
