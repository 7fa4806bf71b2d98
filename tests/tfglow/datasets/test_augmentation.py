import collections

import numpy as np
import pytest
import tensorflow as tf

from tfglow.datasets.augmentation import DRAWS, augment

# Pixel (i, j) of a 5 x 6 image is 10 i + j.
IMAGE = (10 * np.arange(5)[:, None] + np.arange(6))[..., None].astype(np.uint8)


def augmented(draws, **arguments):
    images = tf.constant(np.repeat(IMAGE[None], len(draws), axis=0))
    return augment(images, tf.constant(draws, tf.float32), **arguments).numpy()[..., 0]


@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (1, 0), (0, -2), (-2, 1), (2, 2)])
def test_a_shift_moves_rows_and_columns_and_repeats_the_border(dy, dx):
    draw = [0.9, (dy + 2.5) / 5, (dx + 2.5) / 5]  # in the middle of the fifth that gives dy, dx
    (result,) = augmented([draw], flip=False, shift=2)
    for i in range(5):
        for j in range(6):
            row, column = np.clip(i - dy, 0, 4), np.clip(j - dx, 0, 5)
            assert result[i, j] == 10 * row + column


def test_a_flip_mirrors_left_to_right():
    mirrored, same = augmented([[0.49, 0, 0], [0.5, 0, 0]], flip=True, shift=0)
    np.testing.assert_array_equal(mirrored, IMAGE[:, ::-1, 0])
    np.testing.assert_array_equal(same, IMAGE[..., 0])


def test_the_image_is_mirrored_after_the_shift():
    (both,) = augmented([[0.1, 0.5, 0.99]], flip=True, shift=1)
    (shifted,) = augmented([[0.9, 0.5, 0.99]], flip=True, shift=1)
    assert shifted[0, 1] == 0  # to the right
    np.testing.assert_array_equal(both, shifted[:, ::-1])


def test_without_flips_the_first_draw_is_not_used():
    first, second = augmented([[0.1, 0.5, 0.5], [0.9, 0.5, 0.5]], flip=False, shift=3)
    np.testing.assert_array_equal(first, IMAGE[..., 0])
    np.testing.assert_array_equal(second, IMAGE[..., 0])


def test_shifts_are_uniform_over_the_integers_of_both_signs():
    draws = np.random.default_rng(0).random((7000, DRAWS))
    images = augmented(draws, flip=False, shift=1)
    # The middle pixel tells where it came from.
    shifts = collections.Counter((22 - int(image[2, 2])) for image in images)
    assert sorted(shifts) == sorted(10 * dy + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1))
    expected = 7000 / 9
    chi_squared = sum((count - expected) ** 2 / expected for count in shifts.values())
    assert chi_squared < 20.1  # the 1% point with 8 degrees of freedom


def test_the_ends_of_the_draws_stay_in_range():
    largest = np.nextafter(np.float32(1), np.float32(0))
    low, high = augmented([[0.9, 0, 0], [0.9, largest, largest]], flip=False, shift=2)
    assert (low[0, 0], high[4, 5]) == (22, 23)
