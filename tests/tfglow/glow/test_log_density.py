"""The density of continuous images, and its gradient in the image."""

import math
import warnings

import numpy as np
import pytest
import tensorflow as tf

from tests.tfglow.glow.models import CONDITIONAL, NUM_DIMS, make_glow
from tfglow import likelihood

pytestmark = pytest.mark.slow

X = np.random.default_rng(3).uniform(-0.5, 0.5, size=[4, 8, 8, 3])
LABELS = [0, 4, 2, 2]


@pytest.fixture(name="exact", scope="module")
def _exact():
    return make_glow(CONDITIONAL, precision="float64")


@pytest.mark.parametrize("precision, num_bits", [("float32", 8), ("mixed_bfloat16", 5)])
def test_log_prob_is_less_by_the_bins(images, noise, precision, num_bits):
    glow = make_glow(num_bits=num_bits, precision=precision)
    x = likelihood.dequantize(images, num_bits, noise, glow.config.dtype)
    log_density = glow.log_density(x)
    assert log_density.shape == (4,) and log_density.dtype == tf.float32
    expected = glow.log_prob(images, noise=noise) + NUM_DIMS * num_bits * math.log(2)
    np.testing.assert_allclose(log_density, expected, rtol=1e-5)
    traced = tf.function(glow.log_density, autograph=False)
    np.testing.assert_allclose(traced(x), log_density, rtol=1e-5)
    np.testing.assert_allclose(log_density, glow.distribution.log_prob(x), rtol=1e-5)


def gradient_of(glow, x, labels=None):
    x = tf.cast(x, glow.config.dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        log_density = glow.log_density(x, labels)
    return tape.gradient(log_density, x)


def test_gradient_is_that_of_finite_differences(exact):
    gradient = gradient_of(exact, X, LABELS)
    rng, step = np.random.default_rng(0), 1e-6
    for _ in range(3):
        direction = rng.normal(size=X.shape)
        ahead, behind = (exact.log_density(X + s * direction, LABELS) for s in (step, -step))
        slope = np.sum(gradient * direction, axis=(1, 2, 3))
        np.testing.assert_allclose((ahead - behind) / (2 * step), slope, rtol=1e-5)
    traced = tf.function(lambda x: gradient_of(exact, x, LABELS), autograph=False)
    np.testing.assert_allclose(traced(X), gradient, rtol=1e-9)


@pytest.mark.parametrize(("precision", "error"), [("float32", 1e-4), ("mixed_bfloat16", 0.05)])
def test_gradient_in_other_precisions(exact, precision, error):
    expected = gradient_of(exact, X, LABELS).numpy()
    glow = make_glow(CONDITIONAL, precision=precision, gradient_checkpointing=True)
    gradient = gradient_of(glow, X, LABELS)
    assert gradient.dtype == tf.float32
    assert np.linalg.norm(gradient - np.float32(expected)) < error * np.linalg.norm(expected)


def test_ascent_finds_a_likelier_image(glow):
    x = tf.constant(X, tf.float32)
    before = glow.log_density(x)
    gradient = gradient_of(glow, x)
    step = 1e-4 / tf.reduce_max(tf.abs(gradient))
    assert np.all(glow.log_density(x + step * gradient) > before)


def test_what_is_no_continuous_image_is_refused(glow, conditional, images):
    for wrong, message in (
        (images, r"in \[-0.5, 0.5\), got uint8; `log_prob` takes uint8 images"),
        (X[:, :4], r"shape \[B, 8, 8, 3\], got \(4, 4, 8, 3\)"),
        (X[0], r"shape \[B, 8, 8, 3\], got \(8, 8, 3\)"),
    ):
        with pytest.raises(ValueError, match=message):
            glow.log_density(wrong)
    with pytest.raises(ValueError, match="needs `labels`"):
        conditional.log_density(X)


def test_another_range_is_mentioned(glow):
    for values, interval in (
        (X + 0.5, r"\[0\.\d+, 0\.99\d+\]"),
        (np.round(2 * X), r"\[-1, 1\]"),
        (4 * X, r"\[-(2|1\.9\d*), (2|1\.9\d*)\]"),
    ):
        with pytest.warns(
            RuntimeWarning, match=rf"values in \[-0.5, 0.5\), got {interval}"
        ) as said:
            glow.log_density(values)
        assert [warning.filename for warning in said] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        glow.log_density(X + np.random.default_rng(0).normal(scale=0.1, size=X.shape))
        glow.log_density(X[:0])
