"""Attribute directions: the mean difference, its use, and its files."""

import numpy as np
import pytest

from tfglow.latents import AttributeDirections
from tfglow.latents.celeba import CELEBA_ATTRIBUTES

LATENTS = np.random.default_rng(1).normal(size=(12, 5)).astype(np.float32)
# The second attribute is unknown for some.
SIGNS = np.stack([[1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1], [1] * 3 + [0] * 5 + [-1] * 4], axis=1)


def _directions():
    return AttributeDirections.from_latents([(LATENTS, SIGNS)], ["odd", "early"])


def test_a_direction_is_the_mean_difference():
    directions = _directions()
    assert directions.names == ("odd", "early")
    assert directions.vectors.dtype == np.float32
    odd = LATENTS[::2].mean(axis=0) - LATENTS[1::2].mean(axis=0)
    early = LATENTS[:3].mean(axis=0) - LATENTS[8:].mean(axis=0)
    np.testing.assert_allclose(directions["odd"], odd, rtol=1e-5)
    np.testing.assert_allclose(directions["early"], early, rtol=1e-5)


def test_batches_make_no_difference():
    parts = [(LATENTS[:5], SIGNS[:5]), (LATENTS[5:], SIGNS[5:])]
    split = AttributeDirections.from_latents(parts, ["odd", "early"])
    np.testing.assert_allclose(split.vectors, _directions().vectors, rtol=1e-6)


def test_strength_1_leads_from_one_mean_to_the_other():
    without = LATENTS[1::2].mean(axis=0, keepdims=True)
    moved = _directions().apply(without, "odd", [-1.0, 0.0, 1.0])
    assert moved.shape == (1, 3, 5)
    np.testing.assert_array_equal(moved[0, 1], without[0])
    np.testing.assert_allclose(moved[0, 2], LATENTS[::2].mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(moved[0, 0] + moved[0, 2], 2 * without[0], rtol=1e-4, atol=1e-6)


def test_saved_and_loaded(tmp_path):
    directions = _directions()
    directions.save(tmp_path / "directions.npz")
    again = AttributeDirections.load(tmp_path / "directions.npz")
    assert again.names == directions.names
    np.testing.assert_array_equal(again.vectors, directions.vectors)
    with np.load(tmp_path / "directions.npz") as arrays:
        assert {name: arrays[name].shape for name in arrays} == {"names": (2,), "vectors": (2, 5)}


def test_reads_the_official_demos_array(tmp_path):
    vectors = np.random.default_rng(2).normal(size=(40, 6)).astype(np.float32)
    np.save(tmp_path / "z_manipulate.npy", vectors)
    directions = AttributeDirections.load(tmp_path / "z_manipulate.npy")
    assert directions.names == CELEBA_ATTRIBUTES
    np.testing.assert_array_equal(directions["Smiling"], vectors[31])


def test_without_images_there_is_no_direction():
    none_without = np.ones((12, 1), int)
    with pytest.raises(ValueError, match="There is no image without the attribute 'smile'"):
        AttributeDirections.from_latents([(LATENTS, none_without)], ["smile"])
    with pytest.raises(ValueError, match="There is no image with the attribute 'smile'"):
        AttributeDirections.from_latents([(LATENTS, -none_without)], ["smile"])
    with pytest.raises(ValueError, match="needs latents, got none"):
        AttributeDirections.from_latents([], ["smile"])


def test_refuses(tmp_path):
    directions = _directions()
    with pytest.raises(ValueError, match="Unknown attribute 'even'; known are odd, early"):
        directions.apply(LATENTS, "even", [1.0])
    with pytest.raises(ValueError, match=r"for latents \[N, 5\], got \[12, 4\]"):
        directions.apply(LATENTS[:, :4], "odd", [1.0])
    with pytest.raises(ValueError, match=r"need signs \[12, 3\], got \[12, 2\]"):
        AttributeDirections.from_latents([(LATENTS, SIGNS)], ["a", "b", "c"])
    with pytest.raises(ValueError, match="different names, got 'a' twice"):
        AttributeDirections(("a", "a"), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"2 attributes need vectors \[2, D\], got \[3, 4\]"):
        AttributeDirections(("a", "b"), np.zeros((3, 4)))


@pytest.mark.parametrize(
    "name",
    [
        "missing.npz",
        "text.npz",
        "other.npz' has no array 'names': it holds no attribute directions",
        "three.npy",
    ],
)
def test_refuses_files_of_something_else(tmp_path, name):
    (tmp_path / "text.npz").write_text("directions", encoding="utf-8")
    np.savez(tmp_path / "other.npz", latent=LATENTS)
    np.save(tmp_path / "three.npy", LATENTS[:3])
    with pytest.raises(ValueError, match=name):
        AttributeDirections.load(tmp_path / name.partition("'")[0])
