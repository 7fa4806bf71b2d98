import numpy as np
import pytest
import tensorflow as tf

from tfglow.datasets.image_fit import DRAWS, ImageFit


def fit(image, shape, resize, draws=(0.0, 0.0)):
    image = tf.constant(image, tf.uint8)
    return ImageFit(shape, resize)(image, tf.constant(draws, tf.float32)).numpy()


def coordinates(height, width):
    """An image whose first channel is the row, second the column."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("resize", ["resize", "center_crop", "random_crop"])
def test_an_image_of_the_right_size_is_left_alone(resize):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3))
    np.testing.assert_array_equal(fit(image, (5, 7, 3), resize, (0.5, 0.5)), image)


@pytest.mark.parametrize("factor", [(2, 2), (4, 2), (3, 1)])
def test_shrinking_averages_the_pixels_under_each_new_one(factor):
    down, across = factor
    image = np.random.default_rng(0).integers(0, 256, (4 * down, 6 * across, 3))
    means = image.reshape(4, down, 6, across, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(fit(image, (4, 6, 3), "resize"), means, atol=0.5 + 1e-4)


def test_shrinking_by_a_fraction_weighs_the_pixels_by_their_overlap():
    image = np.array([0, 60, 240], np.uint8).reshape(1, 3, 1)
    # Each new pixel covers one and a half: (0 + 60/2) / 1.5 and (60/2 + 240) / 1.5.
    np.testing.assert_array_equal(fit(image, (1, 2, 1), "resize").ravel(), [20, 180])


def test_enlarging_interpolates_linearly():
    image = np.array([0, 100], np.uint8).reshape(1, 2, 1)
    # New pixels lie at -1/4, 1/4, 3/4, 5/4 of the old ones' grid, and the border is held.
    np.testing.assert_array_equal(fit(image, (1, 4, 1), "resize").ravel(), [0, 25, 75, 100])


def test_resize_scales_height_and_width_each_by_its_own_factor():
    result = fit(coordinates(4, 12), (2, 2, 3), "resize")
    # Rows 0, 1 average to 0.5 and 2, 3 to 2.5, both rounded to even; columns to 2.5 and 8.5.
    np.testing.assert_array_equal(result[..., 0], [[0, 0], [2, 2]])
    np.testing.assert_array_equal(result[..., 1], [[2, 8], [2, 8]])


@pytest.mark.parametrize(
    ("size", "first"), [((8, 12), (0, 2)), ((12, 8), (2, 0)), ((8, 9), (0, 0))]
)
def test_center_crop_keeps_the_middle_of_the_long_side(size, first):
    result = fit(coordinates(*size), (8, 8, 3), "center_crop")
    np.testing.assert_array_equal(result[..., :2], coordinates(*size)[:8, :8, :2] + [*first])


def test_center_crop_scales_both_sides_by_one_factor():
    """16 x 24 becomes 8 x 12, of which columns 2..9 are kept."""
    image = coordinates(16, 24)
    halves = image.reshape(8, 2, 12, 2, 3).mean(axis=(1, 3))
    result = fit(image, (8, 8, 3), "center_crop")
    np.testing.assert_allclose(result, halves[:, 2:10], atol=0.5 + 1e-4)


def test_center_crop_enlarges_a_small_image_until_it_covers():
    image = np.zeros((4, 6, 1), np.uint8)
    image[:, 3:] = 200
    result = fit(image, (8, 8, 1), "center_crop")  # 8 x 12, of which the middle 8 columns
    np.testing.assert_array_equal(result[:, :3], 0)
    np.testing.assert_array_equal(result[:, 5:], 200)


@pytest.mark.parametrize("size", [(97, 101), (101, 97), (333, 64), (65, 500), (7, 3), (1, 1)])
@pytest.mark.parametrize("resize", ["resize", "center_crop", "random_crop"])
def test_any_size_becomes_the_wanted_one(size, resize):
    image = np.full((*size, 3), 77)
    for draws in ((0, 0), (0.999999, 0.999999)):
        result = fit(image, (64, 48, 3), resize, draws)
        assert result.shape == (64, 48, 3)
        assert result.dtype == np.uint8
        np.testing.assert_array_equal(result, 77)


def test_random_crop_of_a_moderately_larger_image_is_from_the_image_itself():
    image = coordinates(6, 5)  # at most 1.5 times 4 x 4
    places = set()
    for draws in np.random.default_rng(0).random((200, DRAWS)):
        result = fit(image, (4, 4, 3), "random_crop", draws)
        row, column = result[0, 0, :2]
        np.testing.assert_array_equal(result, image[row : row + 4, column : column + 4])
        places.add((int(row), int(column)))
    assert places == {(row, column) for row in range(3) for column in range(2)}


def test_random_crop_of_a_large_image_is_from_one_and_a_half_times_the_size():
    """RealNVP's preparation of LSUN: the short side 96 pixels, crops of 64."""
    image = coordinates(192, 240)  # becomes 96 x 120
    halves = image.reshape(96, 2, 120, 2, 3).mean(axis=(1, 3))
    first = fit(image, (64, 64, 3), "random_crop", (0, 0))
    last = fit(image, (64, 64, 3), "random_crop", (0.9999, 0.9999))
    np.testing.assert_allclose(first, halves[:64, :64], atol=0.5 + 1e-4)
    np.testing.assert_allclose(last, halves[-64:, -64:], atol=0.5 + 1e-4)


def test_random_crop_enlarges_a_small_image_just_enough():
    result = fit(np.full((2, 3, 1), 9), (4, 4, 1), "random_crop", (0.5, 0.5))
    np.testing.assert_array_equal(result, np.full((4, 4, 1), 9))


def test_grey_and_colour_are_converted():
    assert fit(np.full((4, 4, 1), 9), (2, 2, 3), "resize").tolist() == [[[9] * 3] * 2] * 2
    assert fit(np.full((4, 4, 3), 9), (2, 2, 1), "resize").tolist() == [[[9]] * 2] * 2


def test_sizes_that_are_known_only_when_read():
    """What the pipeline of a folder does: height and width are dynamic."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)])
    def dynamic(image):
        return ImageFit((4, 4, 3), "center_crop")(image, tf.zeros([DRAWS]))

    for size in ((4, 4), (8, 12), (3, 2)):
        image = coordinates(*size)
        np.testing.assert_array_equal(dynamic(image), fit(image, (4, 4, 3), "center_crop"))


def test_only_random_crops_differ_from_epoch_to_epoch():
    kept = {resize: ImageFit((4, 4, 3), resize).deterministic for resize in
            ("resize", "center_crop", "random_crop")}  # fmt: skip
    assert kept == {"resize": True, "center_crop": True, "random_crop": False}


@pytest.mark.parametrize(
    ("shape", "resize", "message"),
    [
        ((4, 4), "resize", "`image_shape` must be three positive integers, got (4, 4)."),
        ((4, 0, 3), "resize", "`image_shape` must be three positive integers, got (4, 0, 3)."),
        ((4, 4.5, 3), "resize", "`image_shape` must be three positive integers, got (4, 4.5, 3)."),
        (
            (4, 4, 3),
            "crop",
            "`resize` must be one of 'resize', 'center_crop', 'random_crop', got 'crop'.",
        ),
    ],
)
def test_bad_arguments(shape, resize, message):
    with pytest.raises(ValueError) as caught:
        ImageFit(shape, resize)
    assert str(caught.value) == message
