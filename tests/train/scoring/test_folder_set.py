import numpy as np
import pytest
from PIL import Image

from tfglow.datasets import SkippedImage
from tfglow.pictures.preparation import Preparation
from train.scoring.folder_set import FolderSet

PREPARATION = Preparation((4, 4, 1))


@pytest.fixture(name="folder")
def _folder(tmp_path):
    for number in range(5):
        path = tmp_path / f"{'ab'[number % 2]}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        side = 8 if number == 4 else 4
        Image.fromarray(np.full((side, side), 10 * number, np.uint8)).save(path)
    (tmp_path / "a" / "bad.png").write_bytes(b"<html>")
    return tmp_path


NAMES = ["a/0.png", "a/2.png", "a/4.png", "a/bad.png", "b/1.png", "b/3.png"]


def test_batches_are_full_and_in_order(folder):
    images = FolderSet(str(folder), NAMES, PREPARATION, classes=[0, 0, 0, 0, 1, 1])
    batches = list(images.batches(2))
    assert [len(batch.names) for batch in batches] == [2, 2, 1]
    first, second, third = batches
    assert second.names == [str(folder / "a/4.png"), str(folder / "b/1.png")]
    assert second.labels == ["a", "b"] and second.sizes == [(8, 8), (4, 4)]
    np.testing.assert_array_equal(second.classes, [0, 1])
    np.testing.assert_array_equal(second.images[:, 0, 0, 0], [40, 10])
    np.testing.assert_array_equal(first.images, [np.full((4, 4, 1), v) for v in (0, 20)])
    assert third.images.dtype == np.uint8
    assert images.skipped == [SkippedImage("a/bad.png", "it is an HTML page.")]


def test_or_the_first_that_cannot_be_read_ends_it(folder):
    images = FolderSet(str(folder), NAMES, PREPARATION, stop=True)
    with pytest.raises(ValueError, match=r"bad.png': it is an HTML page. --bad_images=skip"):
        list(images.batches(2))


def test_files_in_two_sets_are_known_however_the_folders_are_written(folder, monkeypatch):
    monkeypatch.chdir(folder)
    all_of_them = FolderSet(str(folder), NAMES, PREPARATION, classes=range(6))
    part = FolderSet("a", ["0.png", "2.png"], PREPARATION)
    assert part.count_shared(all_of_them) == 2 and all_of_them.count_shared(part) == 2
    rest = all_of_them.without(part)
    assert list(rest.names) == NAMES[2:] and part.count_shared(rest) == 0
    np.testing.assert_array_equal(next(rest.batches(9)).classes, [2, 4, 5])
