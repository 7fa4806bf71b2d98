import json

import numpy as np
import pytest
import tensorflow as tf

from tests.full_disk import full_disk
from tfglow.runs.run_folder import RunFolder
from tfglow.writing import UnwritableFile
from train.log import RunLog, keep_metrics


@pytest.fixture
def run(tmp_path, tiny):
    return RunFolder.create(tmp_path, tiny.to_dict())


def events(run):
    """{tag: [(step, value)]} of all that TensorBoard would show."""
    found = {}
    for path in sorted(run.tensorboard_dir.glob("events*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value))
    return found


def test_an_epoch_is_a_line_and_scalars(run):
    log = RunLog(run)
    log.epoch({"epoch": 1, "step": 10, "train_bits_per_dim": 3.5, "other": float("nan")})
    log.epoch({"epoch": 2, "step": 20, "train_bits_per_dim": np.float64(3.25), "other": 1})
    log.close()
    lines = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    assert lines == [
        {"epoch": 1, "step": 10, "train_bits_per_dim": 3.5, "other": None},
        {"epoch": 2, "step": 20, "train_bits_per_dim": 3.25, "other": 1},
    ]
    shown = [(step, v.simple_value) for step, v in events(run)["epoch/train_bits_per_dim"]]
    assert shown == [(10, 3.5), (20, 3.25)]


def test_pictures_are_shown(run):
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 1), np.uint8)
    log = RunLog(run)
    log.picture("samples", picture, 3)
    log.close()
    [(step, value)] = events(run)["samples"]
    assert (step, value.image.height, value.image.width) == (3, 5, 7)
    np.testing.assert_array_equal(tf.io.decode_png(value.image.encoded_image_string), picture)


def test_a_resumed_run_forgets_what_came_after(run):
    log = RunLog(run)
    for epoch in (1, 2, 3):
        log.epoch({"epoch": epoch, "step": 10 * epoch})
    with open(run.metrics_path, "a") as file:
        file.write('{"epoch": 4, "st')
    keep_metrics(run, 20)
    RunLog(run).epoch({"epoch": 3, "step": 30, "again": True})
    assert [line["epoch"] for line in run.metrics()] == [1, 2, 3]
    assert run.metrics()[-1]["again"]


def test_a_full_disk_is_one_sentence_and_a_resumed_run_reads_on(run):
    log = RunLog(run)
    for epoch in (1, 2):
        log.epoch({"epoch": epoch, "step": 10 * epoch})
    size = run.metrics_path.stat().st_size
    # Half of a line still fits.
    with full_disk(size + 5), pytest.raises(UnwritableFile) as caught:
        log.epoch({"epoch": 3, "step": 30})
    assert str(caught.value) == f"Cannot write {str(run.metrics_path)!r}: File too large."
    assert run.metrics_path.stat().st_size == size + 5
    assert [line["epoch"] for line in run.metrics()] == [1, 2]
    keep_metrics(run, 20)
    RunLog(run).epoch({"epoch": 3, "step": 30})
    assert [line["epoch"] for line in run.metrics()] == [1, 2, 3]


def test_a_place_where_no_events_can_be_written_is_one_sentence(run):
    run.tensorboard_dir.write_text("a file")
    with pytest.raises(UnwritableFile) as caught:
        RunLog(run)
    place = str(run.tensorboard_dir)
    assert str(caught.value) == f"Cannot write {place!r}: Not a directory."


def test_a_worker_that_does_not_write_writes_nothing(run):
    log = RunLog(run, writes=False)
    log.epoch({"epoch": 1, "step": 10})
    log.scalars({"a": 1.0}, 1)
    log.picture("b", np.zeros((2, 2, 1), np.uint8), 1)
    log.close()
    assert not run.metrics_path.exists()
    assert not run.tensorboard_dir.exists()
