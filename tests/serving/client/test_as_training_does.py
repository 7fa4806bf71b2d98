"""One file is one picture, for training and for the client."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from serving.client.files import read_images
from tests.tfglow.pictures.valid_files import picture, saved, valid_files
from tfglow import datasets
from tfglow.datasets.folder_files import FolderFiles
from tfglow.pictures.preparation import Preparation
from tfglow.pictures.unreadable_picture import UnreadablePicture

pytestmark = pytest.mark.slow

FILES = {
    name: content
    for name, content in valid_files().items()
    if not name.startswith(("TIFF int32", "TIFF float32"))
}
FILES["large"] = saved(picture(size=(48, 64)), "PNG")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.filterwarnings("ignore:.*several frames")
def test_training_and_the_client_make_the_same_image(tmp_path, channels):
    names = sorted(FILES)
    for number, name in enumerate(names):
        (tmp_path / f"{number}.png").write_bytes(FILES[name])
    splits = FolderFiles.find(tmp_path).names
    order = [int(name.removesuffix(".png")) for name in splits["train"] + splits["test"]]
    paths = [tmp_path / f"{number}.png" for number in range(len(names))]
    for resize, shape in itertools.product(("resize", "center_crop"), ((8, 8), (20, 10))):
        made = Preparation((*shape, channels), resize)
        client = read_images(paths, made.image_shape, True, made)
        data = datasets.load("folder", "train+test", tmp_path, made.image_shape, resize)
        (batch,) = data.batches(len(names), shuffle=False).as_numpy_iterator()
        np.testing.assert_array_equal(batch["image"], client[order])


def test_by_default_the_client_does_what_training_does_by_default(tmp_path):
    (tmp_path / "a.png").write_bytes(FILES["large"])
    image = datasets.ImageFit((16, 16, 3))(
        tf.constant(np.asarray(picture(size=(48, 64)))), tf.zeros([2])
    )
    np.testing.assert_array_equal(read_images([tmp_path / "a.png"], (16, 16, 3), True)[0], image)


def test_what_training_refuses_the_client_refuses(tmp_path):
    (tmp_path / "a.png").write_bytes(saved(picture().convert("F").convert("F"), "TIFF"))
    with pytest.raises(ValueError, match="real numbers"):
        read_images([tmp_path / "a.png"], (4, 4, 1), True)
    with pytest.raises(ValueError, match="real numbers"):
        datasets.load("folder", "train", tmp_path, (4, 4, 1))
    assert issubclass(UnreadablePicture, ValueError)
