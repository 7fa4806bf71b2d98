import numpy as np
import pytest

from tfglow.pictures.image_grid import image_grid


def test_lays_images_out_row_by_row():
    images = np.stack([np.full((2, 3, 1), value, np.uint8) for value in (10, 20, 30)])
    grid = image_grid(images, columns=2, enlarge=1)
    assert grid.shape == (2 * 4 + 2, 2 * 5 + 2, 1)
    np.testing.assert_array_equal(grid[2:4, 2:5, 0], 10)
    np.testing.assert_array_equal(grid[2:4, 7:10, 0], 20)
    np.testing.assert_array_equal(grid[6:8, 2:5, 0], 30)
    np.testing.assert_array_equal(grid[6:8, 7:10, 0], 255)  # No fourth image.


def test_enlarges_small_images_by_repeating_pixels():
    image = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    grid = image_grid(image)
    assert grid.shape == (48 + 4, 48 + 4, 1)
    np.testing.assert_array_equal(grid[2:-2:6, 2:-2:6], image[0])
    np.testing.assert_array_equal(grid[7:-2:6, 7:-2:6], image[0])


def test_leaves_large_images_at_their_size():
    assert image_grid(np.zeros((1, 40, 64, 3), np.uint8)).shape == (44, 68, 3)


def test_is_about_square_and_keeps_colour():
    images = np.zeros((10, 32, 32, 3), np.uint8)
    height, width, channels = image_grid(images, enlarge=1).shape
    assert (height // 34, width // 34, channels) == (3, 4, 3)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_is_no_wider_than_its_images(channels):
    images = np.zeros((3, 4, 5, channels), np.uint8)
    assert image_grid(images, columns=9, enlarge=1).shape == (4 + 4, 3 * 7 + 2, channels)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((0, 8, 8, 1), np.uint8), "at least one image"),
        (np.zeros((2, 8, 8, 1), np.float32), r"got float32 \[2, 8, 8, 1\]"),
        (np.zeros((2, 8, 8, 5), np.uint8), r"C from 1 to 4, got uint8 \[2, 8, 8, 5\]"),
    ],
)
def test_refuses_what_is_no_picture(images, message):
    with pytest.raises(ValueError, match=message):
        image_grid(images)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_what_is_not_valid_is_crossed_out(channels):
    images = np.full((3, 16, 24, channels), 7, np.uint8)
    grid = image_grid(images, columns=3, enlarge=1, valid=np.array([True, False, True]))
    before, crossed, after = (grid[2:18, left : left + 24] for left in (2, 28, 54))
    assert (before == 7).all() and (after == 7).all() and (images == 7).all()
    colours = crossed[..., : 1 if channels < 3 else 3]
    assert set(np.unique(colours)) == {128, 255}
    # Both diagonals, and grey beside them.
    assert (colours[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    assert (colours[[0, 8, 8], [12, 0, -1]] == 128).all()
    if channels in (2, 4):
        assert (crossed[..., -1] == 255).all()


@pytest.mark.parametrize("valid", [np.array([True]), np.array([1, 0]), np.array([[True, False]])])
def test_refuses_a_mask_that_is_none(valid):
    with pytest.raises(ValueError, match=r"`valid` must be bool \[2\], got "):
        image_grid(np.zeros((2, 8, 8, 1), np.uint8), valid=valid)
