import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfglow.datasets.tfds_split import TfdsSplit


class Builder:
    """What `TfdsSplit` asks a builder for."""

    def __init__(self, features, supervised_keys=None):
        self.info = self
        self.name, self.full_name = "mine", "mine/1.0.0"
        self.features = tfds.features.FeaturesDict(features)
        self.supervised_keys = supervised_keys
        self.splits = tfds.core.SplitDict(
            tfds.core.SplitInfo(name=split, shard_lengths=[10], num_bytes=0)
            for split in ("train", "test")
        )


def image(dtype=np.uint8):
    encoding = "png" if dtype == np.uint8 else None
    return tfds.features.Image(shape=(4, 4, 1), dtype=dtype, encoding_format=encoding)


@pytest.mark.parametrize(
    ("names", "supervised", "expected"),
    [
        (["image"], None, "image"),
        (["image", "segmentation_mask"], None, "image"),
        (["a_mask", "photo"], None, "photo"),
        (["left", "image", "right"], ("right", "label"), "right"),
        (["gt", "labels"], None, "gt"),
    ],
)
def test_which_feature_the_images_are(names, supervised, expected):
    found = TfdsSplit.open(Builder({name: image() for name in names}, supervised), "train")
    assert found.image_key == expected
    others = [name for name in sorted(names) if name != expected]
    notes = [f"The images of 'mine' are its feature {expected!r}, not "] if others else []
    assert [note[: len(notes[0])] for note in found.notes] == notes
    assert all(repr(name) in found.notes[0] for name in others)
    assert (found.split, found.num_images) == ("train", 10)


def test_images_of_more_bits_are_none():
    with pytest.raises(ValueError, match="has no feature of uint8 images; its features are depth"):
        TfdsSplit.open(Builder({"depth": image(np.uint16)}), "train")


def test_labels():
    label = tfds.features.ClassLabel(names=["b", "a"])
    found = TfdsSplit.open(Builder({"image": image(), "label": label}), "train")
    assert (found.label_key, found.class_names) == ("label", ("b", "a"))
    found = TfdsSplit.open(Builder({"image": image(), "label": np.int64}), "train")
    assert (found.label_key, found.class_names) == (None, ())
