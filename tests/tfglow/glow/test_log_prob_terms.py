"""The log-likelihood taken apart: the parts add up, and each is what it is called."""

import math

import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.random_glow import random_glow
from tfglow import likelihood
from tfglow.frozen_flow import FrozenFlow

pytestmark = pytest.mark.slow

CONFIGS = {
    "affine_lu": {"image_shape": (8, 4, 3), "levels": 2, "steps": 2},
    "additive_full": {"coupling": "additive", "parameterization": "full", "learn_top": False},
    "reverse_3_levels": {"permutation": "reverse", "levels": 3, "gradient_checkpointing": True},
    "conditional_shuffle": {"permutation": "shuffle", "num_classes": 5, "num_bits": 5},
    "mixed": {"precision": "mixed_bfloat16", "levels": 2},
}


@pytest.fixture(params=CONFIGS, name="glow", scope="module")
def _glow(request):
    fields = {"image_shape": (8, 8, 1), "levels": 1, "steps": 1, "width": 8, "precision": "float64"}
    return random_glow(tfglow.GlowConfig(**{**fields, **CONFIGS[request.param]}))


def inputs(glow, rows=3):
    rng = np.random.default_rng(0)
    shape = [rows, *glow.config.image_shape]
    labels = np.array([0, 4, 2][:rows], np.int32) if glow.config.num_classes else None
    noise = rng.uniform(size=shape)
    return rng.integers(0, 256, shape, np.uint8), labels, noise.astype(glow.config.dtype)


def test_both_sums_are_the_log_prob(glow):
    args = inputs(glow)
    terms, expected = glow.log_prob_terms(*args), glow.log_prob(*args)
    height, width, _ = glow.config.image_shape
    assert terms.levels.shape == terms.squared_norms.shape == (3, glow.config.levels)
    assert terms.places.shape == (3, height, width)
    rtol = 1e-12 if glow.config.dtype == "float64" else 1e-6
    np.testing.assert_allclose(terms.log_prob, expected, rtol=rtol)
    np.testing.assert_allclose(tf.reduce_sum(terms.levels, -1), expected, rtol=rtol)
    np.testing.assert_allclose(tf.reduce_sum(terms.places, [1, 2]), expected, rtol=rtol)
    if glow.config.precision == "float64":
        traced = tf.function(glow.log_prob_terms)(*args)
        for value, wanted in zip(traced, terms, strict=True):
            np.testing.assert_allclose(value, wanted, rtol=1e-12)


def test_a_level_is_its_gaussian_and_its_layers(glow):
    """Against the layers one after the other, which say their log-dets themselves."""
    images, labels, noise = inputs(glow)
    dtype = glow.config.dtype
    h = likelihood.dequantize(images, glow.config.num_bits, noise, dtype)
    terms = glow.log_prob_terms(images, labels, noise)
    rtol = 1e-10 if dtype == "float64" else 1e-3  # (float32, with networks in bfloat16)
    for number, level in enumerate(glow.flow.levels):
        part = tf.zeros([3], dtype)
        for _, layer in level.layers:
            h, log_det = layer.forward_and_log_det(h)
            part += log_det
        if level.split is None:
            eps, log_det = glow.flow.top_prior.forward_and_log_det(h, labels=labels)
            part += log_det
        else:
            h, eps = tf.split(h, 2, axis=-1)
        flat = tf.reshape(eps, [3, -1])
        part += likelihood.standard_normal_log_prob(flat)
        part -= flat.shape[1] * glow.config.num_bits * math.log(2)
        np.testing.assert_allclose(terms.levels[:, number], part, rtol=rtol)
        np.testing.assert_allclose(
            terms.squared_norms[:, number], tf.reduce_sum(flat**2, -1), rtol=10 * rtol
        )


def test_no_rows(glow):
    terms = glow.log_prob_terms(*inputs(glow, rows=0))
    assert [value.shape[0] for value in terms] == [0] * 4


def test_a_frozen_flow_has_the_same_terms(glow):
    images, labels, noise = inputs(glow)
    config = glow.config
    if config.precision != "float64":
        pytest.skip("A frozen flow in bfloat16 rounds other constants.")
    x = likelihood.dequantize(images, config.num_bits, noise, config.dtype)
    frozen = FrozenFlow(glow.flow, tf.float64).forward_terms(x, labels)
    expected = glow.log_prob_terms(images, labels, noise)
    for value, wanted in zip(
        likelihood.log_prob_terms(frozen, config.num_bits), expected, strict=True
    ):
        np.testing.assert_allclose(value, wanted, rtol=1e-10)


def test_a_change_of_one_block_shows_there():
    """Additive maps of one step on one level: what a block adds depends on its neighbours alone."""
    config = tfglow.GlowConfig(
        image_shape=(16, 16, 1), levels=1, steps=1, width=4, precision="float64", learn_top=False
    )
    glow = random_glow(config)
    images = np.full([1, 16, 16, 1], 100, np.uint8)
    changed = images.copy()
    changed[0, 4:6, 8:10] = 250
    noise = np.full(images.shape, 0.5)
    places = [glow.log_prob_terms(x, noise=noise).places[0].numpy() for x in (images, changed)]
    moved = np.abs(places[1] - places[0]) > 1e-12
    rows, columns = np.nonzero(moved)
    # The block of 2×2 pixels is one place; two 3×3 convolutions see two places around it.
    assert moved[4, 8]
    assert rows.min() >= 4 - 4 and rows.max() <= 5 + 4
    assert columns.min() >= 8 - 4 and columns.max() <= 9 + 4
    np.testing.assert_array_equal(places[0][0::2, 0::2], places[0][1::2, 1::2])
