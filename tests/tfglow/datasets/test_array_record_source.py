import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfglow import datasets
from tfglow.datasets.array_record_source import ArrayRecordSource
from tfglow.datasets.memory_source import MemorySource
from tfglow.datasets.tfds_builders import find_builder
from train import main as command

pytestmark = pytest.mark.slow


def numbers(data, **arguments):
    """Each image's number, and its label."""
    batches = data.batches(data.num_images, drop_remainder=False, **arguments)
    batch = next(batches.as_numpy_iterator())
    return batch["image"][:, 0, 0, 0].tolist(), batch["label"].tolist()


@pytest.fixture(scope="module")
def everything(records_dir):
    return datasets.load("records", "data[:100%]", records_dir, cache_bytes=0)


def test_all_records_once_with_their_labels(everything):
    assert isinstance(everything._source, ArrayRecordSource)
    assert (everything.image_shape, everything.num_classes) == ((4, 4, 1), 3)
    for arguments in ({"shuffle": False}, {"seed": 1}):
        found, labels = numbers(everything, **arguments)
        assert sorted(found) == list(range(100))
        assert labels == [number % 3 for number in found]


def test_an_order_is_of_its_seed_and_epoch(everything):
    orders = [numbers(everything, seed=3, epoch=epoch)[0] for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]
    # A permutation of all records, not of windows of them.
    places = np.argsort(orders[0])
    stored = np.argsort(numbers(everything, shuffle=False)[0])
    assert abs(np.corrcoef(places, stored)[0, 1]) < 0.4


def test_memory_gives_the_same_batches(everything, records_dir):
    kept = datasets.load("records", "data[:100%]", records_dir)
    assert isinstance(kept._source, MemorySource)
    assert kept.notes == everything.notes
    for one, other in zip(
        kept.batches(30, seed=5).as_numpy_iterator(),
        everything.batches(30, seed=5).as_numpy_iterator(),
        strict=True,
    ):
        for name in ("image", "label", "noise"):
            np.testing.assert_array_equal(one[name], other[name])


def test_shards_and_resuming_read_no_other_records(everything, monkeypatch):
    source, read = everything._source, []
    whole = source._records

    class Counted:
        def __getitems__(self, places):
            read.extend(places)
            return whole.__getitems__(places)

    monkeypatch.setattr(source, "_records", Counted())
    order = numbers(everything, seed=2)[0]
    read.clear()
    batches = everything.batches(5, seed=2, num_shards=2, shard_index=1, start_batch=7)
    found = [batch["image"][:, 0, 0, 0] for batch in batches.as_numpy_iterator()]
    assert np.concatenate(found).tolist() == order[1::2][35:50]
    assert len(read) == 15


def test_slices_and_the_only_split(records_dir):
    train = datasets.load("records", "train", records_dir)
    test = datasets.load("records", "test", records_dir)
    assert (train.split, test.split) == ("data[:90%]", "data[90%:]")
    assert sorted(numbers(train)[0] + numbers(test)[0]) == list(range(100))
    two = datasets.load("records", "data[:10]+data[-10:]", records_dir, cache_bytes=0)
    assert len(set(numbers(two)[0])) == 20


def test_which_feature_is_read_is_said(everything):
    assert everything.notes == ("The images of 'records' are its feature 'photo', not 'a_mask'.",)


def test_another_split(records_dir):
    with pytest.raises(ValueError, match="Unknown split 'tset' of 'records': it has 'data', and"):
        datasets.load("records", "tset", records_dir)


def test_without_the_package(records_dir, monkeypatch):
    def absent(*_, **__):
        raise ImportError("No module named 'array_record'")

    builder = find_builder("records", records_dir)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "as_data_source", absent)
    with pytest.raises(ValueError, match="which needs the package array_record: No module named"):
        ArrayRecordSource(builder, "data")


def test_versions_that_are_there_are_named(records_dir):
    with pytest.raises(ValueError) as caught:
        datasets.load("records:2.0.0", "data", records_dir)
    assert str(caught.value) == (
        f"The data set 'records:2.0.0' is not prepared in {str(records_dir)!r}, which holds "
        "'records:1.0.0'."
    )


def test_the_command_reads_the_splits_that_are_said(records_dir):
    where = ["--dataset=records", f"--data_dir={records_dir}", "--levels=1"]
    splits = ["--train_split=data[:50%]", "--eval_split=data[50%:]"]
    config, _ = command.parse([*where, *splits])
    assert config.model.image_shape == (4, 4, 1)
    assert command.parse(where)[0].train_split == "train"
