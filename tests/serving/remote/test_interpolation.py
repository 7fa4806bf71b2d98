import numpy as np
import pytest

from serving.remote.interpolation import interpolate

A, B = np.random.default_rng(0).normal(size=(2, 1000)).astype(np.float32)


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_both_paths_end_at_the_ends(path):
    strip = interpolate(A, B, 5, path)
    assert strip.shape == (5, 1000) and strip.dtype == np.float32
    np.testing.assert_allclose(strip[[0, -1]], [A, B], atol=1e-6)


def test_the_linear_path_is_the_papers():
    np.testing.assert_allclose(interpolate(A, B, 3, "linear")[1], (A + B) / 2, atol=1e-6)


def test_the_spherical_path_keeps_the_norm():
    norms = np.linalg.norm(
        interpolate(A, B * np.linalg.norm(A) / np.linalg.norm(B), 9, "spherical"), axis=1
    )
    np.testing.assert_allclose(norms, norms[0], rtol=1e-5)


@pytest.mark.parametrize("other", [A, 2 * A, -A, 0 * A])
def test_a_path_without_an_arc_is_straight(other):
    np.testing.assert_allclose(
        interpolate(A, other, 4, "spherical"), interpolate(A, other, 4, "linear"), atol=1e-4
    )


@pytest.mark.parametrize(("arguments", "message"), [((1, "linear"), "got 1"), ((3, "x"), "'x'")])
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        interpolate(A, B, *arguments)
