import pathlib

import numpy as np
import pytest
import tensorflow_datasets as tfds

REPO = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def cifar10_dir():
    """TFDS's folder that holds real CIFAR-10 images."""
    folder = REPO.parent / "shared" / "tfds"
    if not (folder / "cifar10").is_dir():
        pytest.skip(f"CIFAR-10 is not prepared in {folder}.")
    return folder


@pytest.fixture(scope="session")
def digits_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("digits")


class _Photos(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """RGB images of differing sizes, each of one colour, without labels: only train, 40 images."""

    name = "photos"
    VERSION = tfds.core.Version("2.1.0")

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {"image": tfds.features.Image(shape=(None, None, 3)), "name": tfds.features.Text()}
            ),
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for index in range(40):
            image = np.full((10 + index % 3, 12, 3), index, np.uint8)
            yield index, {"image": image, "name": str(index)}


class _OldCifar10(_Photos, skip_registration=True):
    name = "cifar10"
    VERSION = tfds.core.Version("1.0.0")


class _Records(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Images of one colour, their number, with masks and labels; the only split is "data"."""

    name = "records"
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        image = tfds.features.Image(shape=(4, 4, 1))
        label = tfds.features.ClassLabel(num_classes=3)
        features = {"a_mask": image, "photo": image, "label": label}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"data": self._generate_examples()}

    def _generate_examples(self):
        for index in range(100):
            image = np.full((4, 4, 1), index, np.uint8)
            yield index, {"photo": image, "a_mask": image * 0, "label": index % 3}


def _prepare(builder):
    config = tfds.download.DownloadConfig(num_shards=4)
    builder.download_and_prepare(download_config=config)


@pytest.fixture(scope="session")
def photos_dir(tmp_path_factory):
    """TFDS's folder that holds `photos`, in four files, and a `cifar10` older than TFDS's own."""
    folder = tmp_path_factory.mktemp("photos")
    _prepare(_Photos(data_dir=folder))
    _prepare(_OldCifar10(data_dir=folder))
    return folder


@pytest.fixture(scope="session")
def records_dir(tmp_path_factory):
    """TFDS's folder that holds `records`, prepared as ArrayRecord in four files."""
    pytest.importorskip("array_record", reason="array_record, which reads the files, is not here.")
    folder = tmp_path_factory.mktemp("records")
    _prepare(_Records(data_dir=folder, file_format="array_record"))
    return folder
