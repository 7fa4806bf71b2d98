import json

import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tfglow.runs.run_folder import RunFolder
from train.plots import sample_grid, visible, write_curves, write_samples


@pytest.fixture
def run(tmp_path, tiny):
    return RunFolder.create(tmp_path, tiny.to_dict())


def read_png(path):
    return tf.io.decode_png(path.read_bytes()).numpy()


def test_a_grid_shows_the_models_samples(deep_model):
    glow = tfglow.Glow(deep_model)
    picture = sample_grid(glow, 4, 0.7, seed=3)
    assert picture.shape == (2 * 50 + 2, 2 * 50 + 2, 1)
    first = glow.sample(4, 0.7, seed=3).numpy()[0]
    np.testing.assert_array_equal(picture[2:50:6, 2:50:6], first)
    np.testing.assert_array_equal(picture, sample_grid(glow, 4, 0.7, seed=3))


def test_a_conditional_grid_has_a_class_a_column(conditional):
    glow = tfglow.Glow(conditional.model)
    picture = sample_grid(glow, 20, 0.5)
    assert picture.shape[:2] == (2 * 50 + 2, 10 * 50 + 2)


@pytest.mark.parametrize(("channels", "shown"), [(1, 1), (2, 1), (3, 3), (5, 3)])
def test_any_number_of_channels_can_be_seen(channels, shown):
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 4, channels), np.uint8)
    np.testing.assert_array_equal(visible(images), images[..., :shown])


def test_samples_are_named_after_epoch_and_temperature(run):
    picture = np.full((4, 4, 1), 7, np.uint8)
    write_samples(run, picture, 12, 0.7)
    [path] = run.samples_dir.iterdir()
    assert path.name == "epoch_0012_temperature_0.70.png"
    np.testing.assert_array_equal(read_png(path), picture)


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
