import numpy as np
import pytest
import tensorflow as tf

import tfglow
from train.diagnostics import first_not_finite, health


@pytest.fixture
def glow(deep_model):
    glow = tfglow.Glow(deep_model)
    glow.initialize(images())
    return glow


def images(num=8):
    return np.random.default_rng(0).integers(0, 256, (num, 8, 8, 1), np.uint8)


NOISE = np.full((8, 8, 8, 1), 0.5, np.float32)


def layer(glow, name):
    return dict(glow.flow.layers)[name]


def test_a_fresh_flow_is_healthy(glow):
    numbers = health(glow, images())
    # s = sigmoid(2) everywhere, as the networks start at 0; rotations have condition number 1.
    assert numbers.min_coupling_scale == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)
    assert numbers.max_condition_number == pytest.approx(1.0, abs=1e-5)
    assert numbers.round_trip_error < 1e-5


def test_finds_the_smallest_scale_and_the_worst_matrix(glow):
    network = layer(glow, "level1_step0_affine_coupling").network
    b = network.conv_last.b.numpy()
    b[1] = -7.0  # h of the first channel: s = sigmoid(-7 + 2)
    network.conv_last.b.assign(b)
    conv = layer(glow, "level0_step1_invertible_1x1_conv")
    conv.lower.assign(tf.zeros_like(conv.lower))
    conv.upper.assign(tf.zeros_like(conv.upper))
    conv.log_s.assign(np.log([8.0, 1.0, 1.0, 0.5]))
    numbers = health(glow, images())
    assert numbers.min_coupling_scale == pytest.approx(1 / (1 + np.exp(5)), rel=1e-4)
    assert numbers.max_condition_number == pytest.approx(16.0, rel=1e-5)


def test_round_trip_error_is_that_of_the_continuous_images(glow):
    """A scale beyond float32's range loses the image."""
    actnorm = layer(glow, "level0_step0_actnorm")
    actnorm.b.assign(actnorm.b + 1e6)
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
        ("level0_step0_actnorm/b", "the output of level0_step0_actnorm"),
        ("level1_step0_actnorm/logs", "the output of level1_step0_actnorm"),
        (
            "level0_step1_invertible_1x1_conv/lower",
            "the output of level0_step1_invertible_1x1_conv",
        ),
        (
            "level1_step1_affine_coupling/conv_2/kernel",
            "the output of level1_step1_affine_coupling",
        ),
        ("level0_split/conv/b", "the output of level0_split"),
        ("top_prior/logs", "the output of top_prior"),
    ],
)
def test_names_the_first_layer_that_is_not_finite(glow, variable, expected):
    named = glow.flow.named_variables
    [name] = [name for name in named if name == variable]
    named[name].assign(tf.fill(named[name].shape, np.nan))
    assert first_not_finite(glow, images(), NOISE) == expected


def test_names_a_log_det_alone(glow):
    """log s is 1e39 of a map that is still finite: ActNorm's scale underflows to 0."""
    actnorm = layer(glow, "level0_step0_actnorm")
    actnorm.logs.assign(tf.fill([4], -1e38))
    assert first_not_finite(glow, images(), NOISE) == "the log-det of level0_step0_actnorm"


def test_names_the_noise(glow):
    noise = NOISE.copy()
    noise[3, 2, 1, 0] = np.inf
    assert first_not_finite(glow, images(), noise) == "the dequantised images"


def test_names_the_first_gradient_of_the_backward_pass(glow, monkeypatch):
    """Every output is finite, but the derivative of one coupling is not."""
    coupling = layer(glow, "level1_step0_affine_coupling")
    original = type(coupling)._forward_and_log_det

    @tf.custom_gradient
    def spoiled(x):
        return tf.identity(x), lambda upstream: upstream * np.nan

    def forward(self, x):
        return original(self, spoiled(x) if self is coupling else x)

    monkeypatch.setattr(type(coupling), "_forward_and_log_det", forward)
    # What comes before that coupling, so after it on the way back.
    assert (
        first_not_finite(glow, images(), NOISE)
        == "the gradient of level1_step0_invertible_1x1_conv/upper"
    )


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
