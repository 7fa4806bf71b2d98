"""Grids as files."""

import os

import numpy as np
import pytest
from PIL import Image

from tfglow.pictures import save_grid
from tfglow.pictures.labelled_grid import labelled_grid


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_the_file_holds_the_labelled_grid(channels, mode, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, channels), np.uint8)
    labels = {"row_labels": ["a", "b"], "column_labels": ["1", "2", "3"]}
    save_grid(tmp_path / "grid.png", images, 3, **labels, enlarge=9)
    with Image.open(tmp_path / "grid.png") as file:
        assert (file.format, file.mode) == ("PNG", mode)
        picture = np.asarray(file).reshape(*file.size[::-1], channels)
    np.testing.assert_array_equal(picture, labelled_grid(images, 3, **labels, enlarge=9))


def test_what_is_no_image_is_crossed_out(tmp_path):
    images = np.zeros([2, 8, 8, 1], np.uint8)
    save_grid(str(tmp_path / "grid.PNG"), images, valid=np.array([True, False]))
    with Image.open(tmp_path / "grid.PNG") as file:
        halves = np.split(np.asarray(file)[2:-2, 2:-2], [file.width // 2 - 2], axis=1)
    assert [half[5, 5] for half in halves] == [0, 255]


@pytest.mark.parametrize("name", ["grid.jpg", "grid", "grid.png.gz"])
def test_another_ending_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r"`path` must end in \.png, got .*grid"):
        save_grid(tmp_path / name, np.zeros([1, 8, 8, 1], np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_image_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"uint8 images \[N, H, W, C\].*got float32"):
        save_grid(tmp_path / "grid.png", np.zeros([1, 8, 8, 1], np.float32))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_kept_until_the_next_is_complete(tmp_path, monkeypatch):
    path = tmp_path / "grid.png"
    path.write_text("old")

    def killed(*paths):
        assert path.read_text() == "old"
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        save_grid(path, np.zeros([1, 8, 8, 1], np.uint8))
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"^Cannot write '.*/no/grid\.png': No such file"):
        save_grid(tmp_path / "no" / "grid.png", np.zeros([1, 8, 8, 1], np.uint8))
