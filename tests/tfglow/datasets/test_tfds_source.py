import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfglow.datasets import tfds_source
from tfglow.datasets.tfds_source import TfdsSource

pytestmark = pytest.mark.slow


class _Sorted(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """400 images in the order of their four classes, which TFDS is told to keep."""

    name = "sorted"
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(2, 2, 1)),
            "label": tfds.features.ClassLabel(num_classes=4),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features), disable_shuffling=True
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for index in range(400):
            image = np.full((2, 2, 1), index % 256, np.uint8)
            yield index, {"image": image, "label": index // 100}


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    """The data set, in four files: a class in each."""
    made = _Sorted(data_dir=tmp_path_factory.mktemp("sorted"))
    config = tfds.download.DownloadConfig(num_shards=4)
    made.download_and_prepare(download_config=config)
    return made


@pytest.fixture(params=[1 / 4, 4], ids=["four windows", "one window"])
def source(request, builder, monkeypatch):
    monkeypatch.setattr(tfds_source, "WINDOW_BYTES", request.param * builder.info.dataset_size)
    return TfdsSource(builder, "train[:100%]")


def elements(source, key):
    return list(source.elements(key).as_numpy_iterator())


def test_stored_order_is_that_of_the_files(source):
    assert [label for _, label in elements(source, None)] == np.repeat(range(4), 100).tolist()


def test_an_order_holds_every_record_once(source):
    stored, mixed = elements(source, None), elements(source, 1)
    assert mixed != stored
    assert sorted(mixed) == sorted(stored)
    assert elements(source, 2) != mixed == elements(source, 1)


@pytest.mark.parametrize("key", [None, 3])
def test_going_on_later_equals_passing_over(source, key):
    whole = elements(source, key)
    for first in (0, 1, 99, 100, 250, 399, 400):
        later = source.elements(key, first)
        assert int(later.cardinality()) == 400 - first
        assert list(later.as_numpy_iterator()) == whole[first:], first


def test_classes_that_are_stored_apart_come_together(source):
    labels = np.array([label for _, label in elements(source, 5)]).reshape(20, 20)
    counts = np.stack([(labels == label).sum(1) for label in range(4)], 1)
    # Drawn at random each count is 5 ± 2, and all of them are within 11 of it.
    assert counts.min() >= 1
    assert counts.max() <= 16
