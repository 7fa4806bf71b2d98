import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tfglow import datasets
from tfglow.datasets.memory_source import MemorySource
from tfglow.datasets.tfds_source import TfdsSource

pytestmark = pytest.mark.slow


def images_of(data, **arguments):
    batches = data.batches(data.num_images, **arguments)
    return next(batches.as_numpy_iterator())["image"]


def colours(images):
    return images[:, 0, 0, 0].tolist()


def test_the_default_data_set_needs_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for split, size in (("train", 1500), ("test", 297)):
        data = datasets.load("digits", split)
        assert (data.num_images, data.image_shape, data.num_classes) == (size, (8, 8, 1), 10)


def test_train_and_test_are_separate_where_there_is_only_train(photos_dir):
    train = datasets.load("photos", "train", photos_dir, (4, 4, 3))
    test = datasets.load("photos", "test", photos_dir, (4, 4, 3))
    everything = datasets.load("photos", "train[:100%]", photos_dir, (4, 4, 3))
    assert (train.split, test.split) == ("train[:90%]", "train[90%:]")
    assert (train.num_images, test.num_images, everything.num_images) == (36, 4, 40)
    parts = colours(images_of(train)) + colours(images_of(test))
    assert sorted(parts) == sorted(colours(images_of(everything))) == list(range(40))


@pytest.mark.parametrize(
    ("split", "size"), [("train", 5085), ("test", 1017), ("train[:10%]", 508), ("test+train", 6102)]
)
def test_splits(cifar10_dir, split, size):
    data = datasets.load("cifar10", split, cifar10_dir, cache_bytes=0)
    assert (data.num_images, data.split) == (size, split)


def test_what_fits_is_kept_in_memory(cifar10_dir):
    size = 1017 * 32 * 32 * 3
    for cache_bytes, expected in ((size, MemorySource), (size - 1, TfdsSource)):
        data = datasets.load("cifar10", "test", cifar10_dir, cache_bytes=cache_bytes)
        assert isinstance(data._source, expected)
    # The size after resizing counts.
    data = datasets.load("cifar10", "test", cifar10_dir, (16, 16, 1), cache_bytes=size // 12)
    assert isinstance(data._source, MemorySource)
    # Random crops differ from epoch to epoch.
    data = datasets.load("cifar10", "test", cifar10_dir, (16, 16, 3), "random_crop")
    assert isinstance(data._source, TfdsSource)


def test_cifar10_at_half_its_size_is_the_mean_of_four_pixels(cifar10_dir):
    full = images_of(datasets.load("cifar10", "test[:50]", cifar10_dir), shuffle=False)
    half = datasets.load("cifar10", "test[:50]", cifar10_dir, (16, 16, 3))
    means = full.reshape(50, 16, 2, 16, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(images_of(half, shuffle=False), means, atol=0.5 + 1e-4)


def test_a_stream_is_shuffled_from_file_to_file_and_within_windows(photos_dir, monkeypatch):
    monkeypatch.setattr("tfglow.datasets.tfds_source.WINDOW_BYTES", 1500)  # a dozen records
    data = datasets.load("photos", "train[:100%]", photos_dir, (4, 4, 3), cache_bytes=0)
    assert data._source._window < 40 / 2
    orders = [colours(images_of(data, epoch=epoch)) for epoch in range(3)]
    orders.append(colours(images_of(data, shuffle=False)))
    assert all(sorted(order) == list(range(40)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert colours(images_of(data, epoch=1)) == orders[1]


def test_a_stream_s_elements_are_encoded_images(photos_dir):
    source = datasets.load("photos", "train", photos_dir, (4, 4, 3), cache_bytes=0)._source
    payload, label = source.elements(None).element_spec
    assert (payload.dtype, label.dtype) == (tf.string, tf.int32)


def message_of(*arguments, **keywords):
    with pytest.raises(ValueError) as caught:
        datasets.load(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unknown_split(cifar10_dir):
    for split in ("validation", "train[", "train[:200%]", ""):
        assert message_of("cifar10", split, cifar10_dir) == (
            f"Unknown split {split!r} of 'cifar10': it has 'train', 'test', and slices of them "
            "such as 'train[:90%]'."
        )


@pytest.mark.parametrize("split", ["train[10:5]", "train[:0]"])
def test_an_empty_split(cifar10_dir, split):
    assert message_of("cifar10", split, cifar10_dir) == (
        f"The split {split!r} of 'cifar10' holds no image."
    )


def test_images_that_vary_in_size(photos_dir):
    assert message_of("photos", "train", photos_dir) == (
        "The images of 'photos' vary in size, (None, None, 3): give the `image_shape` to bring "
        "them to."
    )


def test_channels_that_cannot_be_converted(cifar10_dir):
    assert message_of("cifar10", "test", cifar10_dir, (32, 32, 2)) == (
        "`image_shape` = (32, 32, 2) cannot be had from 'cifar10', whose images have 3 channels: "
        "only grey and RGB, 1 and 3 channels, are converted."
    )


def test_a_bad_shape_or_resize(cifar10_dir):
    assert message_of("cifar10", "test", cifar10_dir, (32, 32)) == (
        "`image_shape` must be three positive integers, got (32, 32)."
    )
    assert message_of("cifar10", "test", cifar10_dir, resize="stretch") == (
        "`resize` must be one of 'resize', 'center_crop', 'random_crop', got 'stretch'."
    )


def test_a_folder_needs_a_place():
    assert message_of("folder", "train") == (
        "The data set 'folder' needs `data_dir`, the folder of images."
    )


def test_a_data_set_without_images(tmp_path):
    class Words(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = tfds.features.FeaturesDict({"word": tfds.features.Text()})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, dl_manager):
            return {"train": [(0, {"word": "a"})], "test": [(0, {"word": "b"})]}

        def _generate_examples(self):
            raise NotImplementedError  # the splits are given above

    Words(data_dir=tmp_path).download_and_prepare()
    assert message_of("words", "train", tmp_path) == (
        "The data set 'words' has no feature of uint8 images; its features are word."
    )


def test_a_damaged_record_file_is_one_sentence(photos_dir, tmp_path):
    target = tmp_path / "photos" / "2.1.0"
    target.mkdir(parents=True)
    for path in (photos_dir / "photos" / "2.1.0").iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    damaged = sorted(target.glob("*.tfrecord*"))[2]
    contents = bytearray(damaged.read_bytes())
    contents[len(contents) // 2] ^= 0xFF
    damaged.write_bytes(contents)
    message = message_of("photos", "train[:100%]", tmp_path, (4, 4, 3))
    assert message.startswith("Cannot read the split 'train[:100%]' of 'photos': ")
    assert "corrupted record" in message
    assert "{{" not in message
