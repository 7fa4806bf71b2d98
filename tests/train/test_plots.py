import json

import pytest
import tensorflow as tf

from tfglow.runs.run_folder import RunFolder
from train.plots import write_curves


@pytest.fixture
def run(tmp_path, tiny):
    return RunFolder.create(tmp_path, tiny.to_dict())


def read_png(path):
    return tf.io.decode_png(path.read_bytes()).numpy()


def test_curves_show_what_was_measured(run):
    write_curves(run)
    assert not run.curves_path.exists()  # Nothing to show yet.
    lines = [
        {"epoch": e, "train_bits_per_dim": 5 - e / 2, "eval_bits_per_dim": None if e % 2 else 4.0}
        for e in range(1, 6)
    ]
    run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_curves(run)
    without = read_png(run.curves_path)
    write_curves(run, baseline=4.5)
    assert without.shape == read_png(run.curves_path).shape
    assert (without != read_png(run.curves_path)).any()
