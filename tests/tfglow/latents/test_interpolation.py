"""Paths between latents: their ends, their middles, their norms."""

import numpy as np
import pytest

from tfglow.latents import between, interpolate


def _latents(dtype=np.float32, dims=300):
    return np.random.default_rng(0).normal(size=(2, dims)).astype(dtype)


@pytest.mark.parametrize("path", ["linear", "spherical"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ends_are_exact(path, dtype):
    a, b = _latents(dtype)
    latents = interpolate(a, b, 7, path)
    assert latents.shape == (7, 300)
    assert latents.dtype == dtype
    np.testing.assert_array_equal(latents[[0, -1]], [a, b])


def test_linear_path_is_the_weighted_mean():
    a, b = _latents(np.float64)
    latents = interpolate(a, b, 5)
    np.testing.assert_allclose(latents[1], 0.75 * a + 0.25 * b, rtol=1e-12)
    np.testing.assert_allclose(latents[2], (a + b) / 2, rtol=1e-12)


def test_spherical_path_keeps_the_norm_and_turns_by_equal_angles():
    a, b = _latents(np.float64)
    b *= np.linalg.norm(a) / np.linalg.norm(b)
    latents = interpolate(a, b, 9, "spherical")
    norms = np.linalg.norm(latents, axis=1)
    np.testing.assert_allclose(norms, norms[0], rtol=1e-12)
    cosines = np.sum(latents[1:] * latents[:-1], axis=1) / norms[0] ** 2
    np.testing.assert_allclose(cosines, cosines[0], rtol=1e-10)
    # The linear path through two nearly orthogonal latents loses a factor √2 in its middle.
    middle = np.linalg.norm(interpolate(a, b, 9)[4])
    assert middle < 0.8 * norms[0]


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 2.0, -1.0])
def test_without_an_arc_the_spherical_path_is_the_line(factor):
    a, _ = _latents(np.float64)
    straight = interpolate(a, factor * a, 5)
    np.testing.assert_allclose(interpolate(a, factor * a, 5, "spherical"), straight, atol=1e-12)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([0.0], [0.0], 1), "`steps` must be at least 2, the two ends, got 1"),
        (([0.0], [0.0], 3, "curved"), "`path` must be one of linear, spherical; got 'curved'"),
        (([0.0], [0.0, 1.0], 3), r"one length, \[D\], got the shapes \[1\] and \[2\]"),
        (([[0.0]], [[0.0]], 3), r"got the shapes \[1, 1\] and \[1, 1\]"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        interpolate(*arguments)


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_between_is_the_path_at_any_positions(path):
    a, b = _latents()
    got = between(a, b, [0.25, 0.0, 1.0, 0.5], path)
    np.testing.assert_array_equal(got, interpolate(a, b, 5, path)[[1, 0, 4, 2]])
    assert between(a, b, [], path).shape == (0, 300)


@pytest.mark.parametrize("positions", [0.5, [-0.1], [1.1], [np.nan], [[0.5]]])
def test_between_refuses_positions_off_the_path(positions):
    with pytest.raises(ValueError, match="`positions` must be a row of numbers from 0 to 1, got"):
        between(*_latents(), positions)
