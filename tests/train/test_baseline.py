import math

import numpy as np
import pytest
import tensorflow as tf

from train.baseline import GaussianBaseline


def images(num, seed=0):
    """Correlated pixels, [num, 2, 2, 1]."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(num, 4)) @ rng.normal(size=(4, 4)) * 20 + 128
    return np.clip(mixed, 0, 255).astype(np.uint8).reshape(num, 2, 2, 1)


def in_batches(all_images, size):
    return [
        {"image": tf.constant(all_images[i : i + size])} for i in range(0, len(all_images), size)
    ]


@pytest.mark.parametrize("num_bits", [8, 5])
def test_is_the_gaussian_of_the_dequantised_pixels(num_bits):
    """Against the sample mean and covariance of many draws of the noise, in plain NumPy."""
    train, test = images(300), images(20, seed=1)
    rng = np.random.default_rng(2)

    def dequantised(pixels, noise):
        return ((pixels // 2 ** (8 - num_bits) + noise) / 2**num_bits - 0.5).reshape(-1, 4)

    draws = np.concatenate([dequantised(train, rng.random(train.shape)) for _ in range(300)])
    mean, covariance = draws.mean(axis=0), np.cov(draws.T)
    noise = rng.random(test.shape)
    centred = dequantised(test, noise) - mean
    squares = np.sum(centred @ np.linalg.inv(covariance) * centred, axis=1)
    density = -0.5 * (squares + np.linalg.slogdet(covariance)[1] + 4 * math.log(2 * math.pi))
    expected = density - 4 * num_bits * math.log(2)
    baseline = GaussianBaseline(in_batches(train, 64), num_bits)
    actual = baseline.log_prob(tf.constant(test), noise)
    np.testing.assert_allclose(actual, expected, rtol=1e-2)


def test_batches_do_not_matter():
    test = tf.constant(images(5, seed=1))
    values = [
        GaussianBaseline(in_batches(images(100), size), 8).log_prob(test, 0.5).numpy()
        for size in (7, 100)
    ]
    np.testing.assert_allclose(*values, rtol=1e-10)


def test_a_pixel_that_never_changes_is_no_trouble():
    constant = np.zeros((10, 2, 2, 1), np.uint8)
    bits = -GaussianBaseline(in_batches(constant, 10), 8).log_prob(constant, 0.5) / 4 / math.log(2)
    # N(0; 0, 1/12) of one bin: 0.5·log2(2π/12) bits.
    np.testing.assert_allclose(bits, 0.5 * math.log2(2 * math.pi / 12), rtol=1e-9)


def test_needs_images():
    with pytest.raises(ValueError, match="no image to fit a Gaussian to"):
        GaussianBaseline([], 8)
