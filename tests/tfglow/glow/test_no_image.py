"""Latents without an image, images without a latent: said, and marked."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from tests.tfglow.glow.models import CONDITIONAL, NUM_DIMS, make_glow

pytestmark = pytest.mark.slow


def latents_with(value):
    """Four latents of images, the third spoiled in one place."""
    latents = 0.5 * np.random.default_rng(0).normal(size=[4, NUM_DIMS]).astype(np.float32)
    latents[2, 5] = value
    return latents


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_decode_says_that_a_latent_has_no_image(glow, value):
    latents = latents_with(value)
    with pytest.warns(RuntimeWarning, match=r"without a finite image.*: 1 of 4\.") as caught:
        images = glow.decode(latents)
    assert [warning.filename for warning in caught] == [__file__]
    assert not images[2].numpy().any()
    # Without a warning: who asks for `valid` looks at it.
    again, valid = glow.decode_with_valid(latents)
    np.testing.assert_array_equal(again, images)
    np.testing.assert_array_equal(valid, [True, True, False, True])
    np.testing.assert_array_equal(images[:2], glow.decode(latents[:2]))


def test_a_function_gives_the_mask(glow):
    traced = tf.function(glow.decode_with_valid)
    images, valid = traced(latents_with(np.nan))
    np.testing.assert_array_equal(valid, [True, True, False, True])
    assert not images[2].numpy().any()
    np.testing.assert_array_equal(tf.function(glow.decode)(latents_with(np.nan)), images)


def test_valid_is_what_decode_finds_finite():
    """Also near the edge, and in the arithmetic in which `decode` computes."""
    glow = make_glow(precision="mixed_bfloat16", scale=0.1)
    eps = tf.random.stateless_normal([64, NUM_DIMS], [0, 0])
    latents = tf.concat([t * eps for t in (0.7, 1.0, 2.0)], 0)
    finite = np.isfinite(glow.decode_continuous(latents)).all((1, 2, 3))
    _, valid = glow.decode_with_valid(latents)
    assert 0.05 < finite.mean() < 0.95
    np.testing.assert_array_equal(valid, finite)


def test_of_a_class():
    glow = make_glow(CONDITIONAL)
    latents = latents_with(np.inf)
    images, valid = glow.decode_with_valid(latents, [0, 1, 2, 3])
    np.testing.assert_array_equal(valid, [True, True, False, True])
    with pytest.warns(RuntimeWarning, match=r"1 of 4\."):
        np.testing.assert_array_equal(glow.decode(latents, [0, 1, 2, 3]), images)


def test_sample_says_so_too(glow):
    with pytest.warns(RuntimeWarning, match=r"without a finite image.*: 2 of 3\.") as caught:
        samples = glow.sample(3, temperature=[0.7, 1e37, 1e37], seed=1)
    assert [warning.filename for warning in caught] == [__file__]
    images, valid = glow.decode_with_valid(glow.sample_latents(3, [0.7, 1e37, 1e37], seed=1))
    np.testing.assert_array_equal(valid, [True, False, False])
    np.testing.assert_array_equal(images, samples)


def test_images_without_a_latent():
    glow = make_glow()
    images = np.random.default_rng(0).integers(256, size=[4, 8, 8, 3], dtype=np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        glow.encode(images)
        glow.log_prob(images)
    # log σ of the top prior: ε = (z − μ)/σ overflows.
    logs = glow.flow.named_variables["top_prior/logs"]
    logs.assign(tf.fill(logs.shape, 30.0))
    b = glow.flow.named_variables["top_prior/b"]
    b.assign(tf.fill(b.shape, -1.0))
    for method, what in (
        (glow.encode, "latent"),
        (glow.log_prob, "likelihood"),
        (glow.bits_per_dim, "likelihood"),
        (lambda images: glow.log_density(images / np.float32(256) - 0.5), "density"),
    ):
        with pytest.warns(
            RuntimeWarning, match=f"Images without a finite {what}: 4 of 4"
        ) as caught:
            method(images)
        assert [warning.filename for warning in caught] == [__file__]
