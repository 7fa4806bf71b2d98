import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tfglow.runs.run_folder import RunFolder
from train.samples import sample_grid, write_samples


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
    # Their numbers, or names, stand above.
    assert picture.shape[0] > 2 * 50 + 2 and picture.shape[1] == 10 * 50 + 2
    named = sample_grid(glow, 20, 0.5, class_names=["zero", *"123456789"])
    np.testing.assert_array_equal(named[-102:], picture[-102:])
    assert (named[:-102, :52] != picture[:-102, :52]).any()
    assert sample_grid(glow, 3, 0.5).shape[1] == 3 * 50 + 2


def test_samples_that_are_not_there_are_crossed_out_and_said(deep_model):
    said = []
    picture = sample_grid(tfglow.Glow(deep_model), 4, 3e38, report=said.append)
    assert (picture[[26, 26, 76, 76], [4, 54, 4, 54]] == 128).all()
    [sentence] = said
    assert sentence.startswith("4 of 4 samples at temperature 3e+38 are crossed out")


def test_samples_are_named_after_epoch_and_temperature(run):
    picture = np.full((4, 4, 1), 7, np.uint8)
    write_samples(run, picture, 12, 0.7)
    [path] = run.samples_dir.iterdir()
    assert path.name == "epoch_0012_temperature_0.70.png"
    np.testing.assert_array_equal(read_png(path), picture)
