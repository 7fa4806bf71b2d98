import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tfglow import datasets

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["in memory", "streamed"])
def digits(request, digits_dir):
    """The digits' test split, 297 images, kept in memory and read anew."""
    cache_bytes = 2**30 if request.param == "in memory" else 0
    return datasets.load("digits", "test", digits_dir, cache_bytes=cache_bytes)


def collect(batches):
    """All elements of an epoch, in order, as NumPy arrays."""
    parts = list(batches.as_numpy_iterator())
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def assert_equal(actual, expected):
    assert sorted(actual) == sorted(expected)
    for key in expected:
        np.testing.assert_array_equal(actual[key], expected[key], strict=True)


def test_description(digits):
    assert (digits.name, digits.split, digits.num_images) == ("digits", "test", 297)
    assert digits.image_shape == digits.source_shape == (8, 8, 1)
    assert digits.num_classes == 10
    assert digits.class_names == tuple("0123456789")
    assert "num_images=297" in repr(digits)


def test_batches_have_static_shapes_and_the_stated_types(digits):
    assert digits.batches(16).element_spec == {
        "image": tf.TensorSpec([16, 8, 8, 1], tf.uint8),
        "label": tf.TensorSpec([16], tf.int32),
        "noise": tf.TensorSpec([16, 8, 8, 1], tf.float32),
    }


@pytest.mark.parametrize("cache_bytes", [2**30, 0])
def test_pixels_and_labels_are_those_that_tfds_reads(cifar10_dir, cache_bytes):
    data = datasets.load("cifar10", "test", cifar10_dir, cache_bytes=cache_bytes)
    ours = collect(data.batches(100, shuffle=False, drop_remainder=False))
    theirs = tfds.load("cifar10", split="test", data_dir=cifar10_dir, download=False)
    theirs = list(tfds.as_numpy(theirs))
    assert data.num_images == len(theirs) == 1017
    np.testing.assert_array_equal(ours["image"], [record["image"] for record in theirs])
    np.testing.assert_array_equal(ours["label"], [record["label"] for record in theirs])


def test_arrays_are_the_images_as_they_are_stored(digits):
    stored = collect(digits.batches(297, shuffle=False))
    del stored["noise"]
    assert_equal(digits.arrays(), stored)
    assert_equal(digits.arrays(20), {name: values[:20] for name, values in stored.items()})


@pytest.mark.parametrize(
    ("num", "error"),
    [(0, "`num` must be an integer of at least 1, got 0"), (298, "298 images.* has 297")],
)
def test_more_arrays_than_there_are(digits, num, error):
    with pytest.raises(ValueError, match=error):
        digits.arrays(num)


def test_a_shuffled_epoch_holds_every_image_once(digits):
    stored = collect(digits.batches(50, shuffle=False, drop_remainder=False))
    shuffled = collect(digits.batches(50, drop_remainder=False))
    rows = {
        name: [
            (image.tobytes(), label)
            for image, label in zip(part["image"], part["label"], strict=True)
        ]
        for name, part in (("stored", stored), ("shuffled", shuffled))
    }
    assert len(rows["shuffled"]) == 297
    assert rows["shuffled"] != rows["stored"]
    assert sorted(rows["shuffled"]) == sorted(rows["stored"])


def test_an_epoch_depends_on_the_seed_and_its_number_only(digits):
    tf.random.set_seed(1)
    first = collect(digits.batches(32, seed=3, epoch=5, flip=True, shift=1))
    tf.random.set_seed(2)
    assert_equal(collect(digits.batches(32, seed=3, epoch=5, flip=True, shift=1)), first)
    for other in (dict(seed=4, epoch=5), dict(seed=3, epoch=6), dict(seed=5, epoch=3)):
        second = collect(digits.batches(32, flip=True, shift=1, **other))
        assert (first["image"] != second["image"]).any(axis=(1, 2, 3)).mean() > 0.9
        assert (first["noise"] != second["noise"]).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("num_shards", [2, 4])
def test_shards_together_make_the_global_batches(digits, num_shards):
    arguments = dict(seed=1, epoch=2, flip=True, shift=2)
    whole = collect(digits.batches(16, **arguments))
    shards = [
        collect(
            digits.batches(16 // num_shards, num_shards=num_shards, shard_index=index, **arguments)
        )
        for index in range(num_shards)
    ]
    assert len(whole["image"]) == 288  # 18 batches of 16
    for index, shard in enumerate(shards):
        assert_equal(shard, {key: array[index::num_shards] for key, array in whole.items()})


def test_every_shard_has_the_same_number_of_batches(digits):
    # 297 images are 99 for each of three shards, 75, 74, 74 and 74 for four.
    for num_shards, batch_size, expected in ((3, 99, 1), (4, 75, None), (4, 74, 1), (4, 37, 2)):
        arguments = dict(num_shards=num_shards)
        if expected is None:
            with pytest.raises(ValueError, match="needs 300 images"):
                digits.num_batches(batch_size, **arguments)
            continue
        assert digits.num_batches(batch_size, **arguments) == expected
        counts = [
            sum(1 for _ in digits.batches(batch_size, shard_index=index, **arguments))
            for index in range(num_shards)
        ]
        assert counts == [expected] * num_shards


def test_without_dropping_the_last_batch_is_incomplete(digits):
    sizes = [len(batch["image"]) for batch in digits.batches(100, drop_remainder=False)]
    assert sizes == [100, 100, 97]
    assert digits.num_batches(100, drop_remainder=False) == 3
    assert digits.num_batches(100) == 2
    assert [len(batch["image"]) for batch in digits.batches(500, drop_remainder=False)] == [297]


@pytest.mark.parametrize("start_batch", [1, 7, 9])
def test_starting_later_equals_skipping(digits, start_batch):
    arguments = dict(seed=2, epoch=1, flip=True, shift=1, num_shards=2, shard_index=1)
    whole = digits.batches(16, **arguments)
    rest = digits.batches(16, start_batch=start_batch, **arguments)
    skipped = list(whole.skip(start_batch).as_numpy_iterator())
    resumed = list(rest.as_numpy_iterator())
    assert len(resumed) == len(skipped) == 9 - start_batch
    for ours, theirs in zip(resumed, skipped, strict=True):
        assert_equal(ours, theirs)


def test_noise_is_uniform_and_independent(digits):
    noise = collect(digits.batches(27, epoch=3))["noise"]  # [297, 8, 8, 1]
    assert noise.min() >= 0
    assert noise.max() < 1
    values = np.sort(noise.ravel())
    # Kolmogorov-Smirnov: the largest gap to the uniform distribution function, whose 1% point
    # is 1.63 / sqrt(n).
    gap = np.abs(values - np.arange(values.size) / values.size).max()
    assert gap * np.sqrt(values.size) < 1.63
    assert len(np.unique(noise[:, 0, 0, 0])) == 297  # every element has its own
    following = np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]
    assert abs(following) < 4 / np.sqrt(noise.size)


def test_noise_does_not_depend_on_the_batch_size(digits):
    noise = collect(digits.batches(99))["noise"]
    np.testing.assert_array_equal(collect(digits.batches(27))["noise"], noise)


def test_an_evaluation_has_the_same_noise_whenever_it_runs(digits):
    arguments = dict(shuffle=False, drop_remainder=False)
    assert_equal(collect(digits.batches(50, **arguments)), collect(digits.batches(50, **arguments)))


def test_half_of_the_images_are_mirrored(cifar10_dir):
    data = datasets.load("cifar10", "test", cifar10_dir)
    plain = collect(data.batches(100, shuffle=False))["image"]
    flipped = collect(data.batches(100, shuffle=False, flip=True))["image"]
    mirrored = np.array(
        [np.array_equal(now, before[:, ::-1]) for now, before in zip(flipped, plain, strict=True)]
    )
    same = (flipped == plain).all(axis=(1, 2, 3))
    assert (mirrored | same).all()
    assert abs(mirrored.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(mirrored))


def test_augmentation_leaves_the_noise_alone(digits):
    plain = collect(digits.batches(32))
    augmented = collect(digits.batches(32, flip=True, shift=2))
    np.testing.assert_array_equal(augmented["noise"], plain["noise"])
    np.testing.assert_array_equal(augmented["label"], plain["label"])
    assert (augmented["image"] != plain["image"]).any(axis=(1, 2, 3)).mean() > 0.9


def test_a_strategy_takes_the_batches_as_they_are(digits):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    distributed = strategy.distribute_datasets_from_function(lambda _: digits.batches(32))
    ours = [batch["image"].numpy() for batch in distributed]
    np.testing.assert_array_equal(np.concatenate(ours), collect(digits.batches(32))["image"])


def test_random_crops_depend_on_the_place_in_the_epoch_only(photos_dir):
    # The sides of the images differ; 4 x 4 crops of images of one colour tell which image it was.
    data = datasets.load("photos", "train", photos_dir, (4, 4, 3), "random_crop")
    whole = collect(data.batches(8, epoch=1))
    shards = [collect(data.batches(4, epoch=1, num_shards=2, shard_index=s)) for s in (0, 1)]
    np.testing.assert_array_equal(whole["image"][0::2], shards[0]["image"])
    np.testing.assert_array_equal(whole["image"][1::2], shards[1]["image"])


def test_a_data_set_without_labels_has_none_in_its_batches(photos_dir):
    data = datasets.load("photos", "train", photos_dir, (4, 4, 3))
    assert (data.num_classes, data.class_names) == (0, ())
    assert sorted(data.batches(4).element_spec) == ["image", "noise"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(batch_size=298), "A batch of 298 images needs 298 images, but the split 'test' of "
         "'digits' has 297."),
        (dict(batch_size=100, num_shards=3), "A batch of 100 images in each of 3 shards needs 300 "
         "images, but the split 'test' of 'digits' has 297."),
        (dict(batch_size=0), "`batch_size` must be an integer of at least 1, got 0."),
        (dict(batch_size=2.5), "`batch_size` must be an integer of at least 1, got 2.5."),
        (dict(batch_size=4, num_shards=0), "`num_shards` must be an integer of at least 1, got 0."),
        (dict(batch_size=4, seed=-1), "`seed` must be an integer of at least 0, got -1."),
        (dict(batch_size=4, epoch=-1), "`epoch` must be an integer of at least 0, got -1."),
        (dict(batch_size=100, start_batch=3), "`start_batch` = 3 is beyond the epoch, which has 2 "
         "batches."),
        (dict(batch_size=4, num_shards=2, shard_index=2), "`shard_index` must be in [0, "
         "`num_shards` = 2), got 2."),
        (dict(batch_size=4, shift=8), "`shift` must be in [0, 7], less than the images' sides (8, "
         "8), got 8."),
    ],
)  # fmt: skip
def test_bad_arguments(digits, arguments, message):
    with pytest.raises(ValueError) as caught:
        digits.batches(**arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize("of_numpy", [np.int16, np.uint64, np.array])
def test_numpys_integers_are_pythons(digits, of_numpy):
    numbers = {"seed": 3, "epoch": 1, "shift": 1, "num_shards": 2}
    [expected] = digits.batches(100, **numbers).take(1)
    given = {name: of_numpy(value) for name, value in numbers.items()}
    [actual] = digits.batches(of_numpy(100), **given).take(1)
    assert set(actual) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(actual[name], values)
    with pytest.raises(ValueError, match="`seed` must be an integer of at least 0, got True"):
        digits.batches(4, seed=True)


def test_an_epoch_may_start_at_its_end(digits):
    assert list(digits.batches(100, start_batch=2)) == []
