import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from train.data import (
    TrainingBatches,
    divide_batch,
    first_images,
    given_data,
    init_batch,
    load_split,
    load_splits,
    own_image_shape,
    steps_per_epoch,
)

pytestmark = pytest.mark.slow


def take(batches, num):
    return list(itertools.islice(batches, num))


def joined(strategy, batch):
    """A batch whose parts for the replicas are put together again."""
    return {
        name: np.concatenate([v.numpy() for v in strategy.experimental_local_results(values)])
        for name, values in batch.items()
    }


def assert_equal(some, others):
    for batch, other in zip(some, others, strict=True):
        assert batch.keys() == other.keys()
        for name in batch:
            np.testing.assert_array_equal(batch[name], other[name])


def test_goes_on_from_any_step(tiny, digits, one_device):
    """Across the end of a pass: a pass over the digits has 93 batches of 16."""
    batches = TrainingBatches(tiny, digits, one_device)
    straight = take(batches.starting_at(90), 6)
    again = take(batches.starting_at(90), 2) + take(batches.starting_at(92), 4)
    assert_equal(straight, again)
    assert not np.array_equal(straight[0]["image"], straight[3]["image"])


def test_two_replicas_share_what_one_device_gets(tiny, digits, one_device, two_replicas):
    whole = take(TrainingBatches(tiny, digits, one_device).starting_at(0), 3)
    parts = take(TrainingBatches(tiny, digits, two_replicas).starting_at(0), 3)
    sizes = [v.shape[0] for v in two_replicas.experimental_local_results(parts[0]["image"])]
    assert sizes == [8, 8]
    assert_equal(whole, [joined(two_replicas, batch) for batch in parts])


def test_labels_come_only_with_a_conditional_model(tiny, conditional, digits, one_device):
    [batch] = take(TrainingBatches(tiny, digits, one_device).starting_at(0), 1)
    assert set(batch) == {"image", "noise"}
    [labelled] = take(TrainingBatches(conditional, digits, one_device).starting_at(0), 1)
    assert set(labelled) == {"image", "noise", "label"}
    assert "label" not in init_batch(tiny, digits)
    assert init_batch(conditional, digits)["label"].shape == [32]


def test_the_initial_batch_is_no_larger_than_the_split(tiny, digits):
    config = dataclasses.replace(tiny, init_images=10**6)
    assert init_batch(config, digits)["image"].shape[0] == digits.num_images


def test_steps_an_epoch(tiny, digits):
    assert steps_per_epoch(tiny, digits) == 10
    whole = dataclasses.replace(tiny, epoch_images=None)
    assert steps_per_epoch(whole, digits) == digits.num_images // 16


def test_divides_tensors_in_order(two_replicas, one_device):
    batch = {"x": tf.range(6)}
    assert divide_batch(one_device, batch) is batch
    values = two_replicas.experimental_local_results(divide_batch(two_replicas, batch)["x"])
    assert [v.numpy().tolist() for v in values] == [[0, 1, 2], [3, 4, 5]]


def test_a_data_set_has_its_own_image_size():
    assert own_image_shape("digits", None) == (8, 8, 1)


def picture(path, *shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tf.io.encode_png(np.zeros(shape, np.uint8)).numpy())


def test_the_image_size_is_that_of_both_splits(tmp_path):
    for i in range(3):
        picture(tmp_path / "train" / f"{i}.png", 8, 8, 1)
        picture(tmp_path / "test" / f"{i}.png", 8, 8, 3)
        picture(tmp_path / "other" / f"{i}.png", 4, 8, 3)
    place = {"train_folder": "train", "test_folder": "test"}
    assert own_image_shape("folder", str(tmp_path), **place) == (8, 8, 3)
    with pytest.raises(ValueError) as caught:
        own_image_shape("folder", str(tmp_path), train_folder="train", test_folder="other")
    assert str(caught.value) == (
        "The images of 'folder' differ in size, 8x8 in 'train', 4x8 in 'test': `image_shape`, such "
        "as --image_shape=64,64,3, says what to bring them to."
    )


def test_what_was_given_of_the_data():
    given = {"dataset": "folder", "data_dir": "d", "train_split": "a", "width": 4}
    assert given_data(given) == {"dataset": "folder", "data_dir": "d", "train_split": "a"}


def test_folders_are_of_the_configuration(tiny, tmp_path):
    for i in range(3):
        picture(tmp_path / "a" / f"{i}.png", 8, 8, 1)
        picture(tmp_path / "b" / f"{i}.png", 8, 8, 1)
    config = dataclasses.replace(
        tiny, dataset="folder", data_dir=str(tmp_path), train_folder="a", test_folder="b"
    )
    assert load_split(config, "train").num_images == 3
    whole = dataclasses.replace(config, train_folder=None, test_folder=None)
    assert load_split(whole, "train").num_images == 5
    with pytest.raises(ValueError, match="`train_folder` = 'a' is for a folder of images, not for"):
        load_split(dataclasses.replace(tiny, train_folder="a"), "train")


def test_refuses_what_cannot_be_divided(tiny, digits, two_replicas):
    config = dataclasses.replace(tiny, batch_size=15)
    with pytest.raises(ValueError, match="`batch_size` = 15 cannot be divided among 2 replicas"):
        TrainingBatches(config, digits, two_replicas)


def test_refuses_a_split_smaller_than_a_batch(tiny, digits, one_device):
    config = dataclasses.replace(tiny, batch_size=2000)
    with pytest.raises(ValueError, match="A batch of 2000 images needs 2000 images, but the split"):
        TrainingBatches(config, digits, one_device)


def test_refuses_classes_that_are_not_the_datas(conditional):
    model = dataclasses.replace(conditional.model, num_classes=7)
    config = dataclasses.replace(conditional, model=model)
    with pytest.raises(
        ValueError, match=r"`num_classes` = 7 does not fit .*'digits', which has 10"
    ):
        load_split(config, "train")


@pytest.mark.parametrize(("split", "shared"), [("train", 1500), ("train[-10:]+test", 10)])
def test_images_that_are_trained_and_evaluated_on_are_counted(tiny, split, shared):
    config = dataclasses.replace(tiny, eval_split=split)
    with pytest.warns(
        UserWarning, match=rf"^--eval_split=.* shares {shared:,} images with --train_split="
    ):
        load_splits(config)


def test_refuses_unknown_data(tiny):
    with pytest.raises(ValueError, match="Unknown data set 'digit'"):
        load_split(dataclasses.replace(tiny, dataset="digit"), "train")
    with pytest.raises(ValueError, match="Unknown split 'trian'"):
        load_split(tiny, "trian")


@pytest.mark.parametrize(("num", "sizes"), [(40, [16, 16, 8]), (10, [10]), (32, [16, 16])])
def test_first_images(num, sizes, test_digits):
    batches = list(first_images(test_digits, num, 16, with_labels=False))
    assert [b["image"].shape[0] for b in batches] == sizes
    assert all(set(b) == {"image"} for b in batches)
    [whole] = first_images(test_digits, num, 1000, with_labels=True)
    np.testing.assert_array_equal(np.concatenate([b["image"] for b in batches]), whole["image"])
    assert whole["label"].shape == [num]
