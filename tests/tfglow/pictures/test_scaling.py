import numpy as np
import pytest

from tfglow.pictures.scaling import scale

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
SIZES = [
    ((9, 7), (4, 5)), ((3, 3), (7, 2)), ((5, 5), (5, 9)), ((50, 40), (17, 39)), ((2, 3), (1, 3)),
    ((1, 1), (4, 4)), ((16, 16), (4, 8)), ((7, 5), (7, 5)),
]  # fmt: skip


def weights(old, new):
    """The matrix [new, old] that scales a side, in floating point."""
    matrix = np.zeros((new, old))
    for i in range(new):
        if new < old:
            for j in range(old):
                overlap = min((i + 1) * old / new, j + 1) - max(i * old / new, j)
                matrix[i, j] = max(0, overlap) * new / old
        else:
            place = min(max((i + 0.5) * old / new - 0.5, 0), old - 1)
            below = int(place)
            matrix[i, below] += 1 - (place - below)
            matrix[i, min(below + 1, old - 1)] += place - below
    return matrix


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_is_the_box_filter_down_and_linear_up(old, new):
    image = RNG.integers(0, 256, (*old, 3)).astype(np.uint8)
    rows, columns = (weights(*side) for side in zip(old, new, strict=True))
    expected = np.einsum("Hh,hwc,Ww->HWc", rows, image.astype(float), columns)
    np.testing.assert_allclose(scale(image, new), expected, atol=0.5 + 1e-9)


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_a_part_is_that_part_of_the_whole(old, new):
    image = RNG.integers(0, 256, (*old, 2)).astype(np.uint8)
    whole = scale(image, new)
    for rows in (slice(0, 1), slice(new[0] - 1, new[0]), slice(new[0] // 2, new[0])):
        for columns in (slice(0, new[1]), slice(new[1] // 3, new[1] // 3 + 1)):
            part = scale(image, new, rows, columns)
            np.testing.assert_array_equal(part, whole[rows, columns])


def test_halves_go_to_the_even_number():
    image = np.array([0, 1, 1, 2, 2, 3], np.uint8).reshape(1, 6, 1)
    assert scale(image, (1, 3)).ravel().tolist() == [0, 2, 2]


def test_a_long_strip_takes_no_more_memory_than_its_part():
    strip = np.arange(10**6, dtype=np.uint32).astype(np.uint8).reshape(1, -1, 1)
    part = scale(strip, (64, 64 * 10**6), columns=slice(32 * 10**6, 32 * 10**6 + 64))
    assert part.shape == (64, 64, 1)


@pytest.mark.parametrize(
    ("old", "new"), [*SIZES, ((40, 61), (3, 4)), ((90, 3), (1, 5)), ((3, 700), (2, 2))]
)
def test_the_sums_are_exact(old, new):
    image = RNG.integers(0, 256, (*old, 3)).astype(np.uint8)
    # The matrices' entries are integers over what each row sums up to.
    parts = [2 * size if size > side else side for side, size in zip(old, new, strict=True)]
    rows, columns = (
        np.rint(weights(*side) * n).astype(np.int64)
        for side, n in zip(zip(old, new, strict=True), parts, strict=True)
    )
    sums = np.einsum("Hh,hwc,Ww->HWc", rows, image.astype(np.int64), columns)
    np.testing.assert_array_equal(scale(image, new), np.rint(sums / np.prod(parts)))


def test_sums_that_take_more_than_32_bits():
    strip = np.full((2, 9 * 10**6, 1), 255, np.uint8)
    strip[:, ::2] = 1
    np.testing.assert_array_equal(scale(strip, (1, 2)), np.full((1, 2, 1), 128))
