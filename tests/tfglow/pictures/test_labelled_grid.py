import numpy as np
import pytest

from tfglow.pictures.image_grid import image_grid
from tfglow.pictures.labelled_grid import labelled_grid

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "labels",
    [
        {"row_labels": ["T = 0", "T = 0.7"]},
        {"column_labels": ["a", "b", "c"]},
        {"row_labels": ["cat", "dog"], "column_labels": ["-1", "0", "1"]},
    ],
    ids=["rows", "columns", "both"],
)
def test_the_grid_is_unchanged_beside_its_names(channels, labels):
    images = np.resize(IMAGES, (6, 8, 8, channels))
    valid = np.arange(6) != 4
    picture = labelled_grid(images, 3, valid=valid, **labels)
    grid = image_grid(images, 3, valid=valid)
    above, left = (a - b for a, b in zip(picture.shape[:2], grid.shape[:2], strict=True))
    assert (above > 0, left > 0) == ("column_labels" in labels, "row_labels" in labels)
    np.testing.assert_array_equal(picture[above:, left:], grid)
    colours = picture[..., :-1] if channels in (2, 4) else picture
    # A name stands beside every row, and above every column: all else is white.
    for row in np.split(colours[above + 2 :, :left], 2) if left else ():
        assert row.min() < 50 and (row[[0, -1]] == 255).all()
    for column in np.split(colours[:above, left + 2 :], 3, axis=1) if above else ():
        assert column.min() < 50 and (column[:, [0, -1]] == 255).all()
    assert (colours[:above, :left] == 255).all()
    if channels in (2, 4):
        assert (picture[:above, :, -1] == 255).all() and (picture[:, :left, -1] == 255).all()


def test_without_names_it_is_the_grid():
    np.testing.assert_array_equal(labelled_grid(IMAGES, 4), image_grid(IMAGES, 4))


def test_names_that_differ_look_different():
    pictures = [labelled_grid(IMAGES[:1], row_labels=[f"T = {t}"])[:, :-52] for t in (0.1, 0.7)]
    assert pictures[0].shape != pictures[1].shape or (pictures[0] != pictures[1]).any()


def test_names_wider_than_a_column_are_turned():
    short = labelled_grid(IMAGES, 6, column_labels=list("abcdef"))
    long = labelled_grid(IMAGES, 6, column_labels=["automobile", *"bcdef"])
    assert long.shape[0] > short.shape[0] and long.shape[1] == short.shape[1]


@pytest.mark.parametrize("name", ["dög", "猫", "", "a" * 500, "line\nbreak"])
def test_any_name_is_drawn(name):
    picture = labelled_grid(IMAGES[:1], row_labels=[name], column_labels=[name])
    np.testing.assert_array_equal(picture[-52:, -52:], image_grid(IMAGES[:1]))
    assert max(picture.shape[:2]) < 400


def test_images_smaller_than_a_name():
    picture = labelled_grid(IMAGES, 1, enlarge=1, row_labels=list("abcdef"), column_labels=["x"])
    np.testing.assert_array_equal(picture[-62:, -12:], image_grid(IMAGES, 1, enlarge=1))


@pytest.mark.parametrize("labels", [{"row_labels": ["a"]}, {"column_labels": ["a", "b"]}])
def test_refuses_another_number_of_names(labels):
    [name] = labels
    with pytest.raises(ValueError, match=f"`{name}` must be one for each of [23], got"):
        labelled_grid(IMAGES, 3, **labels)
