import os

import numpy as np
import pytest
from PIL import Image

from tfglow.datasets.folder_files import FolderFiles
from tfglow.pictures.preparation import Preparation
from train.scoring.folder_set import FolderSet
from train.scoring.masks import Masks

PREPARATION = Preparation((4, 4, 3))
LEFT = np.repeat([[255, 0]], 4, axis=0).repeat(2, axis=1).astype(np.uint8)  # [4, 4]


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


def masks_of(folder, masks=None):
    names = FolderFiles.find_all(folder).names["all"]
    images = FolderSet(str(folder), names, PREPARATION)
    return Masks(images, PREPARATION, masks and str(masks)), list(images.paths())


@pytest.mark.parametrize(
    "given, mask",
    [
        pytest.param("test", "ground_truth/broken/7_mask.png", id="mvtec"),
        pytest.param("test/broken", "ground_truth/broken/7_mask.png", id="mvtec-one-defect"),
        pytest.param("", "ground_truth/test/broken/7.png", id="with-the-split"),
        pytest.param("test", "ground_truth/broken/7.bmp", id="another-ending"),
        pytest.param("test", "ground_truth/broken/7/000.png", id="mvtec-loco"),
    ],
)
def test_masks_are_found_beside_the_images(tmp_path, given, mask):
    write(tmp_path / "test/broken/7.png", np.zeros((4, 4)))
    write(tmp_path / mask, LEFT)
    masks, [path] = masks_of(tmp_path / given)
    assert masks.folder == str(tmp_path / "ground_truth")
    np.testing.assert_array_equal(masks.read(path, (4, 4)), LEFT > 0)


def test_masks_of_a_folder_of_their_own(tmp_path):
    write(tmp_path / "odd/a/7.png", np.zeros((4, 4)))
    write(tmp_path / "odd/a/8.png", np.zeros((4, 4)))
    write(tmp_path / "where/a/7.png", LEFT // 255)  # 0 and 1.
    masks, paths = masks_of(tmp_path / "odd", tmp_path / "where")
    np.testing.assert_array_equal(masks.read(paths[0], (4, 4)), LEFT > 0)
    assert masks.read(paths[1], (4, 4)) is None
    assert masks_of(tmp_path / "odd")[0].folder is None


def test_several_are_one_and_all_go_the_way_of_their_image(tmp_path):
    write(tmp_path / "test/a/7.png", np.zeros((8, 8)))
    write(tmp_path / "ground_truth/a/7/0.png", np.pad(LEFT, ((0, 4), (0, 4))))
    write(tmp_path / "ground_truth/a/7/1.png", np.pad(LEFT, ((4, 0), (0, 4))))
    write(tmp_path / "ground_truth/a/7/none.png", np.zeros((8, 8)))
    masks, [path] = masks_of(tmp_path / "test")
    expected = np.zeros((4, 4), bool)
    expected[:, 0] = True  # Two of eight columns are one of four.
    np.testing.assert_array_equal(masks.read(path, (8, 8)), expected)


def test_a_mask_of_another_size_is_refused(tmp_path):
    write(tmp_path / "test/a/7.png", np.zeros((8, 8)))
    write(tmp_path / "ground_truth/a/7.png", LEFT)
    masks, [path] = masks_of(tmp_path / "test")
    with pytest.raises(ValueError, match=r"7.png' has 4x4 pixels, and its image .* 8x8"):
        masks.read(path, (8, 8))
    assert os.path.basename(path) == "7.png"
