import gzip
import hashlib
import pathlib

import numpy as np
import pytest

from tfglow import datasets
from tfglow.datasets.fashion import make_fashion
from tfglow.datasets.fashion.fashion import CLASS_NAMES, level_to_uint8

FILE = pathlib.Path(make_fashion.__file__).with_name("fashion.npz")
SOURCE = pathlib.Path("/usr/share/datasets/fashion-mnist")  # Debian's package
# Of the pixels and labels of both splits, in the order of the file.
CHECKSUM = "ff971f7e70a874490eee9dc97cb33df3c154d327730fbe66522af9ff229d2b7e"


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    """The images, uint8 [N, 16, 16], and the labels of both splits, as they are trained on."""
    place = tmp_path_factory.mktemp("tfds")
    read = {}
    for split in ("train", "test"):
        data = datasets.load("fashion", split, place)
        batch = next(iter(data.batches(data.num_images, shuffle=False)))
        read[split] = batch["image"].numpy()[..., 0], batch["label"].numpy()
        assert data.class_names == CLASS_NAMES
    return read


def test_splits_are_fixed_and_hold_every_class_as_often(splits):
    for split, size in (("train", 4000), ("test", 500)):
        images, labels = splits[split]
        assert images.shape == (size, 16, 16)
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(np.bincount(labels), [size // 10] * 10)


def test_the_file_is_the_one_that_was_made():
    with np.load(FILE) as shipped:
        content = b"".join(shipped[name].tobytes() for name in sorted(shipped))
    assert hashlib.sha256(content).hexdigest() == CHECKSUM
    assert FILE.stat().st_size < 400_000


def test_what_is_read_is_what_the_file_holds(splits):
    """In another order, which is TFDS's."""
    with np.load(FILE) as shipped:
        for split, (images, labels) in splits.items():
            read = zip(images >> 3, labels, strict=True)
            held = zip(shipped[f"{split}_level"], shipped[f"{split}_label"], strict=True)
            assert sorted((image.tobytes(), int(label)) for image, label in read) == sorted(
                (image.tobytes(), int(label)) for image, label in held
            )


def test_levels_are_the_upper_five_bits():
    levels = level_to_uint8(np.arange(32, dtype=np.uint8))
    assert levels.dtype == np.uint8
    assert (levels[0], levels[31]) == (0, 255)
    np.testing.assert_array_equal(levels >> 3, np.arange(32))


def test_the_clothes_are_upright_and_named(splits):
    """In what tells classes apart by eye: rows are lines of the picture, from the top."""
    images, labels = splits["train"]
    mean = {name: images[labels == label].mean(0) for label, name in enumerate(CLASS_NAMES)}
    sneaker, boot, trousers, pullover = (
        mean[name] for name in ("sneaker", "boot", "trousers", "pullover")
    )
    assert sneaker[8:].sum() > 1.5 * sneaker[:8].sum()  # low
    assert boot[:5].sum() > 4 * sneaker[:5].sum()  # with a shaft
    assert boot[:5, 8:].sum() > 4 * boot[:5, :8].sum()  # over the heel, on the right
    assert trousers[12, 8] < 0.5 * trousers[12, [6, 9]].min()  # two legs
    assert trousers[2, 8] > 2 * trousers[12, 8]  # that join at the top
    assert pullover[10, [3, 12]].min() > 3 * mean["t-shirt"][10, [3, 12]].max()  # sleeves


def test_half_the_size_is_the_mean_of_two_by_two_pixels():
    image = np.zeros([1, 28, 28], np.uint8)
    image[0, 0, 0] = 255  # the frame moves it to (2, 2), a corner of the pixel (1, 1)
    image[0, 2:4, 4:6] = [[8, 16], [24, 40]]
    image[0, 26:, 26:] = 255
    levels = make_fashion.halved(image)[0]
    assert levels.shape == (16, 16)
    assert levels[1, 1] == 255 // 4 >> 3
    assert levels[2, 3] == (8 + 16 + 24 + 40) // 4 >> 3
    assert levels[14, 14] == 31
    assert np.count_nonzero(levels) == 3


def test_idx_files_are_read_and_others_refused(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    header = bytes([0, 0, 8, 3]) + np.array(array.shape, ">i4").tobytes()
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(header + array.tobytes()))
    np.testing.assert_array_equal(make_fashion.read_idx(path), array)
    path.write_bytes(gzip.compress(b"\0\0\x0d\x01"))  # floats
    with pytest.raises(ValueError, match="is no IDX file of bytes"):
        make_fashion.read_idx(path)


@pytest.mark.skipif(not SOURCE.is_dir(), reason="Debian's dataset-fashion-mnist is not installed.")
def test_the_file_is_what_the_script_makes():
    made = make_fashion.arrays(SOURCE)
    with np.load(FILE) as shipped:
        assert sorted(shipped) == sorted(made)
        for name, array in made.items():
            np.testing.assert_array_equal(shipped[name], array, strict=True)
