import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.tfglow.bijectors.contract import CASES
from tfglow.bijectors import GaussianSplit

tfd = tfp.distributions


@pytest.fixture(name="split")
def _split():
    return CASES["split"].bijector("float64")


@pytest.fixture(name="x")
def _x():
    return CASES["split"].inputs(dtype="float64")[0]


def test_starts_as_the_identity(x):
    y, log_det = GaussianSplit(6, dtype=tf.float64).forward_and_log_det(x)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(log_det, np.zeros(3))


def test_is_the_learned_gaussian_prior(split, x):
    z1, z2 = tf.split(x, 2, axis=-1)
    h = split.conv(z1)
    # Even channels are means, odd ones log scales.
    prior = tfd.Independent(tfd.Normal(h[..., 0::2], tf.exp(h[..., 1::2])), 3)
    y, log_det = split.forward_and_log_det(x)
    np.testing.assert_array_equal(y[..., :3], z1)
    white = tfd.Independent(tfd.Normal(tf.zeros_like(z2), 1.0), 3)
    np.testing.assert_allclose(white.log_prob(y[..., 3:]) + log_det, prior.log_prob(z2), rtol=1e-12)


def test_split_and_merge_are_the_map(split, x):
    z1, eps, log_scale = split.split(x)
    y, log_det = split.forward_and_log_det(x)
    np.testing.assert_array_equal(tf.concat([z1, eps], -1), y)
    np.testing.assert_allclose(-tf.reduce_sum(log_scale, [1, 2, 3]), log_det, rtol=1e-14)
    back, back_log_scale = split.merge(z1, eps)
    np.testing.assert_allclose(back, x, atol=1e-13)
    np.testing.assert_allclose(back_log_scale, log_scale, atol=1e-13)


@pytest.mark.parametrize("num_channels", [1, 7])
def test_odd_number_of_channels(num_channels):
    with pytest.raises(ValueError, match=f"must be even, got {num_channels}"):
        GaussianSplit(num_channels)
