import pathlib

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfglow.datasets import embedded
from tfglow.datasets.digits import make_digits
from tfglow.datasets.digits.digits import grey_to_uint8

SPLITS = ("train", "test")


def read(builder, split):
    records = list(tfds.as_numpy(builder.as_dataset(split=split)))
    images = np.stack([record["image"] for record in records])
    labels = np.array([record["label"] for record in records])
    return images, labels


def test_splits_are_fixed_and_hold_every_class_in_proportion(tmp_path):
    builder = embedded.prepare("digits", tmp_path)
    for split, size, smallest, largest in (("train", 1500, 145, 153), ("test", 297, 29, 30)):
        images, labels = read(builder, split)
        assert images.shape == (size, 8, 8, 1)
        assert images.dtype == np.uint8
        counts = np.bincount(labels, minlength=10)
        assert (counts.min(), counts.max()) == (smallest, largest)


def test_images_are_those_of_scikit_learn(tmp_path):
    sklearn_datasets = pytest.importorskip(
        "sklearn.datasets", reason="scikit-learn, where the digits were taken from, is not here."
    )
    published = sklearn_datasets.load_digits()
    builder = embedded.prepare("digits", tmp_path)
    splits = [read(builder, split) for split in SPLITS]
    images, labels = (np.concatenate(parts) for parts in zip(*splits, strict=True))
    ours = sorted((image.tobytes(), label) for image, label in zip(images, labels, strict=True))
    levels = grey_to_uint8(published.images)
    theirs = sorted(
        (image.tobytes(), label) for image, label in zip(levels, published.target, strict=True)
    )
    assert ours == theirs


def test_the_file_is_what_the_script_makes():
    pytest.importorskip("sklearn", reason="scikit-learn, which the script reads, is not here.")
    with np.load(pathlib.Path(make_digits.__file__).with_name("digits.npz")) as shipped:
        made = make_digits.arrays()
        assert sorted(shipped) == sorted(made)
        for name, array in made.items():
            np.testing.assert_array_equal(shipped[name], array, strict=True)


def test_levels_are_bin_edges_of_four_bits():
    levels = grey_to_uint8(np.arange(17, dtype=np.uint8))
    assert levels.dtype == np.uint8
    assert len(set(levels.tolist())) == 17
    np.testing.assert_array_equal(levels >> 4, [*range(16), 15])
