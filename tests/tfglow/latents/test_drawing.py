"""Latents that NumPy draws: Gaussian, a row by its seed, scaled by the temperature."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfglow.latents import draw_latents

SEEDS = [0, 1, -1, 2**63 - 1, -(2**63), 2**32]


def test_they_are_standard_gaussian_in_every_row_and_dimension():
    latents = draw_latents(range(400), 50)
    assert latents.shape == (400, 50) and latents.dtype == np.float32
    # The smallest of 1, 50 and 400 p-values.
    assert scipy.stats.kstest(latents.ravel(), "norm").pvalue > 1e-3
    assert scipy.stats.kstest(latents, "norm", axis=0).pvalue.min() > 1e-3 / 50
    assert scipy.stats.kstest(latents, "norm", axis=1).pvalue.min() > 1e-3 / 400
    correlations = np.corrcoef(latents) - np.eye(400)
    assert np.abs(correlations).max() < 6 / np.sqrt(50)


def test_they_are_distributed_as_tensorflow_draws_them():
    served = 0.7 * tf.random.stateless_normal([400, 50], [0, 1]).numpy()
    drawn = draw_latents(range(400), 50, 0.7)
    assert scipy.stats.ks_2samp(drawn.ravel(), served.ravel()).pvalue > 1e-3


def test_a_row_is_of_its_seed_alone():
    latents = draw_latents(SEEDS, 30)
    assert len({row.tobytes() for row in latents}) == len(SEEDS)
    for seed, row in zip(SEEDS, latents, strict=True):
        np.testing.assert_array_equal(draw_latents([seed], 30)[0], row)
    reverse = draw_latents(np.array(SEEDS[::-1], np.int64), 30)
    np.testing.assert_array_equal(reverse, latents[::-1])


def test_the_numbers_are_those_of_numpys_generator():
    expected = np.random.default_rng(7).standard_normal(30, np.float32)
    np.testing.assert_array_equal(draw_latents([7], 30)[0], expected)


def test_a_temperature_scales_its_row():
    unit = draw_latents([1, 2, 3], 30)
    latents = draw_latents([1, 2, 3], 30, [1, 0.5, 0])
    np.testing.assert_array_equal(latents, unit * np.float32([[1], [0.5], [0]]))
    np.testing.assert_array_equal(draw_latents([1, 2, 3], 30, 0.5), 0.5 * unit)
    assert latents.dtype == np.float32


def test_no_seeds_are_no_rows():
    assert draw_latents([], 30).shape == draw_latents([], 30, []).shape == (0, 30)


@pytest.mark.parametrize("seeds", [[1.5], [True], 3, [2**63], [-(2**63) - 1], ["1"], [[1]], [None]])
def test_seeds_that_are_none(seeds):
    with pytest.raises(ValueError, match=r"^`seeds` must be int64 numbers, \[N\], got"):
        draw_latents(seeds, 4)


@pytest.mark.parametrize("temperature", [-1, np.nan, np.inf, [1, 1], "1", None, True, 1e39])
def test_temperatures_that_are_none(temperature):
    with pytest.raises(ValueError, match=r"^`temperature` must be .*[,;] got"):
        draw_latents([1], 4, temperature)


def test_a_latent_has_a_dimension():
    with pytest.raises(ValueError, match="`num_dims` must be at least 1, got 0"):
        draw_latents([1], 0)
