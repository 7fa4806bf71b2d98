"""The frozen flow computes what the model computes, to the last bits of float64."""

import numpy as np
import pytest
import tensorflow as tf

from tests.export.models import random_config
from tests.random_glow import random_glow
from tfglow.frozen_flow import FrozenFlow

pytestmark = pytest.mark.slow

# Three levels, and then one of each other kind of step and of prior.
CONFIGS = {
    "affine_lu": {},
    "affine_full": {"parameterization": "full", "levels": 1},
    "additive_lu": {"coupling": "additive", "levels": 1},
    "shuffle": {"permutation": "shuffle", "learn_top": False, "levels": 1},
    "reverse": {"permutation": "reverse", "coupling": "additive", "levels": 1},
    "conditional": {"num_classes": 3},
    "scanned": {"num_classes": 3, "scan_steps": True},
    "labels_alone": {"num_classes": 3, "learn_top": False, "levels": 1, "steps": 1},
    "one_level_five_bits": {"levels": 1, "num_bits": 5, "image_shape": (4, 6, 1)},
}


@pytest.mark.parametrize("overrides", CONFIGS.values(), ids=CONFIGS)
def test_both_directions_and_the_log_det_are_the_models(overrides):
    config = random_config(precision="float64", **overrides)
    flow = random_glow(config, scale=0.1).flow
    frozen = FrozenFlow(flow, dtype=tf.float64)
    x = tf.random.stateless_uniform([4, *config.image_shape], [1, 2], -0.5, 0.5, tf.float64)
    label = tf.constant([0, 2, 1, 2]) if config.num_classes else None
    labels = {} if label is None else {"labels": label}

    latent, log_det = flow.forward_and_log_det(x, **labels)
    frozen_latent, frozen_log_det = frozen.forward(x, label)
    np.testing.assert_allclose(frozen_latent, latent, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(frozen_log_det, log_det + tf.zeros([4], tf.float64), rtol=1e-10)

    eps = 0.5 * tf.random.stateless_normal([4, config.num_dims], [3, 4], dtype=tf.float64)
    image, _ = flow.inverse_and_log_det(eps, **labels)
    np.testing.assert_allclose(frozen.inverse(eps, label), image, rtol=1e-9, atol=1e-9)


def test_one_map_of_the_channels_stands_for_actnorm_and_permutation():
    flow = random_glow(random_config(precision="float64"), scale=0.2).flow
    step = flow.steps[1][0]
    weights = FrozenFlow(flow, tf.float64).levels[1].steps.steps[0]
    x = tf.random.stateless_normal([1, 2, 2, step.actnorm.num_channels], [0, 0], dtype=tf.float64)
    y, _ = step.actnorm.forward_and_log_det(x)
    y, _ = step.permutation.forward_and_log_det(y)
    np.testing.assert_allclose(x @ weights.forward.weight + weights.forward.bias, y, atol=1e-12)
    # The inverse belongs to float64, not to the product of two roundings.
    np.testing.assert_allclose(
        weights.inverse.weight @ tf.convert_to_tensor(weights.forward.weight),
        np.eye(x.shape[-1]),
        atol=1e-12,
    )


@pytest.mark.parametrize("width", [32, 256])  # As a convolution, and as a product of patches.
def test_no_map_of_a_hidden_activation_is_kept(width):
    """A picture's edge costs no memory that grows with the picture times the network's width."""
    config = random_config(image_shape=(64, 64, 3), levels=1, steps=1, width=width)
    network = FrozenFlow(random_glow(config).flow).levels[0].steps.steps[0].network
    assert network.conv_1.bias.shape == network.conv_2.bias.shape == (width,)
    assert network.conv_last.bias.shape == (1, 32, 32, 12)


def test_what_the_flow_becomes_does_not_show():
    flow = random_glow(random_config()).flow
    frozen = FrozenFlow(flow)
    x = tf.random.stateless_uniform([2, *flow.config.image_shape], [1, 2], -0.5, 0.5)
    before, _ = frozen.forward(x)
    for variable in flow.trainable_variables:
        variable.assign_add(tf.ones_like(variable))
    np.testing.assert_array_equal(frozen.forward(x)[0], before)


def test_a_weight_that_is_not_finite_is_named():
    flow = random_glow(random_config()).flow
    flow.steps[1].weights.actnorm.b.assign_add(tf.fill([2, 24], float("nan")))
    with pytest.raises(ValueError, match="'actnorm/b' of level1_step0 is not finite"):
        FrozenFlow(flow)


@pytest.mark.parametrize("parameterization", ["lu", "full"])
def test_a_singular_convolution_is_named(parameterization):
    flow = random_glow(random_config(parameterization=parameterization)).flow
    matrices = flow.steps[0].weights.permutation
    if parameterization == "full":
        matrices.w.assign(tf.stack([matrices.w[0], tf.zeros_like(matrices.w[1])]))
    else:
        matrices.log_s.assign(tf.stack([matrices.log_s[0], tf.fill([12], -1e5)]))
    with pytest.raises(ValueError, match="level0_step1 cannot be inverted"):
        FrozenFlow(flow)
