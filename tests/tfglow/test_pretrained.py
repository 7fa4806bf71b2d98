"""Models by their places: runs, their checkpoints, `.keras` files, official checkpoints."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.official_checkpoints import official_folder
from tests.random_glow import random_glow
from tfglow.pretrained import find_pretrained
from tfglow.runs import RunFolder

CONFIG = tfglow.GlowConfig(image_shape=(8, 8, 1), levels=1, steps=1, width=4)
OFFICIAL = "additive_shuffle_conditional_5bit"


@pytest.fixture(scope="module")
def raw():
    return random_glow(CONFIG, seed=1)


@pytest.fixture(scope="module")
def average():
    return random_glow(CONFIG, seed=2)


@pytest.fixture(scope="module")
def run(raw, average, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    run = RunFolder.create(folder, {"model": CONFIG.to_dict(), "dataset": "digits"})
    run.save_glow(raw, average, step=7)
    return run


@pytest.fixture(scope="module")
def file(raw, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "glow.keras"
    raw.save(path)
    return path


def assert_same(glow, other):
    for mine, theirs in zip(glow.weights, other.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


def test_of_a_run_the_averaged_or_what_is_asked_for(run, raw, average):
    assert_same(tfglow.load_glow(run.path), average)
    assert_same(tfglow.load_glow(str(run.path), "raw", "latest"), raw)
    found = find_pretrained(run.path)
    assert found.config == CONFIG
    assert found.origin == f"the averaged weights of step 7 of the run {str(run.path)!r}"
    assert found.run_config["dataset"] == "digits"
    assert_same(found.load(), average)


def test_of_a_checkpoint_in_a_run(run, raw, average):
    prefix = run.checkpoint()
    assert_same(tfglow.load_glow(prefix), average)
    assert_same(tfglow.load_glow(prefix, "raw"), raw)
    assert_same(tfglow.load_glow(f"{prefix}.index", "raw"), raw)
    assert_same(find_pretrained(f"{prefix}.data-00000-of-00001").load(), average)
    assert_same(find_pretrained(run.checkpoint_dir).load(), average)
    assert find_pretrained(prefix).run_config["dataset"] == "digits"


def test_of_a_keras_file(file, raw):
    assert_same(tfglow.load_glow(file), raw)
    found = find_pretrained(file)
    assert (found.config, found.origin) == (CONFIG, f"the weights of {str(file)!r}")
    assert found.run_config == {}
    assert_same(found.load(), raw)


def test_of_the_official_code():
    folder = official_folder(OFFICIAL)
    given = {"image_size": (32, 32), "num_bits": 5, "weight_y": 0.01}
    config = tfglow.official.infer_config(str(folder), **given)
    for path in (folder, folder / "model.ckpt"):
        found = find_pretrained(path, **given)
        assert found.config == config
        assert found.origin == f"the averaged weights of the official checkpoint {str(path)!r}"
    assert_same(found.load(), tfglow.official.load(str(folder), config, averaged=True))
    with pytest.raises(ValueError, match="does not determine image_size, num_bits, weight_y"):
        find_pretrained(folder)
    with pytest.raises(ValueError, match=r"is no run folder; tfglow\.official\.load reads"):
        tfglow.load_glow(folder)


def test_what_is_no_model_is_one_sentence(run, file, tmp_path):
    with pytest.raises(ValueError, match=r"There is no run folder, .* at '.*nowhere'\.$"):
        tfglow.load_glow(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"There is no run folder, .* at "):
        tfglow.load_glow(tmp_path)
    with pytest.raises(ValueError, match=r"is no run folder to choose weights"):
        tfglow.load_glow(file, "raw")
    with pytest.raises(ValueError, match=r"is no run folder to choose weights"):
        tfglow.load_glow(run.checkpoint(), checkpoint="best")
    (tmp_path / "broken.keras").write_bytes(b"x")
    for name in ("broken.keras", "absent.keras"):
        with pytest.raises(ValueError, match=f"{name}' is no readable .keras file"):
            tfglow.load_glow(tmp_path / name)
    other_model = keras.Sequential([keras.Input((2,)), keras.layers.ReLU()])
    other_model.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match=r"other.keras' holds a Sequential, not a Glow"):
        tfglow.load_glow(tmp_path / "other.keras")


def test_a_run_without_an_average_says_so(tmp_path, raw):
    run = RunFolder.create(tmp_path / "run", {"model": CONFIG.to_dict()})
    run.save_glow(raw)
    with pytest.warns(UserWarning, match="holds no moving average of the weights"):
        assert_same(tfglow.load_glow(run.path), raw)
    with pytest.warns(UserWarning, match="holds no moving average of the weights"):
        assert_same(tfglow.load_glow(run.checkpoint()), raw)
    assert find_pretrained(run.path).origin.startswith("the raw weights of step 0 ")
    with pytest.raises(ValueError, match="holds no averaged weights"):
        find_pretrained(run.path, "averaged")


def test_under_a_strategy(run, average):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        glow = tfglow.load_glow(run.path)
    assert_same(glow, average)
