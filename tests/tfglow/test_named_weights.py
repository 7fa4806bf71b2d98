"""Weights by name: which are frozen, and what is saved; on a tiny `Glow`."""

import keras
import numpy as np
import pytest

import tfglow
from tests.random_glow import random_glow
from tfglow.optimizers import FusedAdam, OfficialAdamax
from tfglow.writing import UnwritableFile

CONFIG = tfglow.GlowConfig(image_shape=(4, 4, 1), levels=1, steps=1, width=4)
IMAGES = np.random.default_rng(0).integers(256, size=[4, 4, 4, 1], dtype=np.uint8)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def reloaded(glow, path):
    glow.save(path / "glow.keras")
    return keras.models.load_model(path / "glow.keras")


def test_a_frozen_model_is_saved_as_one(tmp_path):
    glow = random_glow(CONFIG)
    glow.trainable = False
    again = reloaded(glow, tmp_path)
    assert not again.trainable and again.trainable_variables == []
    again.trainable = True
    assert len(again.trainable_variables) == len(random_glow(CONFIG).trainable_variables)


def test_a_save_that_fails_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    glow, path = random_glow(CONFIG), tmp_path / "glow.keras"
    path.write_text("old")

    def full(store):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(glow, "save_own_variables", full)
    with pytest.raises(UnwritableFile, match=r"^Cannot write '.*glow\.keras': No space left"):
        glow.save(path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_frozen_variables_are_saved_as_such(tmp_path):
    glow = random_glow(CONFIG)
    names = ["level0/steps/actnorm/b", "level0/steps/actnorm/logs"]
    glow.freeze(names)
    before = glow.named_variables[names[0]].numpy()
    glow.compile(FusedAdam(1e-2), jit_compile=False)
    glow.fit(IMAGES, verbose=0)
    np.testing.assert_array_equal(glow.named_variables[names[0]], before)
    for again in (reloaded(glow, tmp_path), keras.models.clone_model(glow)):
        assert again.frozen_names == names
        expected = [v.name for v in glow.trainable_variables]
        assert [v.name for v in again.trainable_variables] == expected
    assert keras.models.model_from_json(glow.to_json()).frozen_names == names
    with pytest.raises(ValueError, match=r"has no variables \['actnorm'\]; see `named_variables`"):
        glow.freeze(["actnorm"])


@pytest.mark.parametrize(
    "optimizer",
    [
        FusedAdam(1e-3, weight_decay=0.1, use_ema=True, gradient_accumulation_steps=2),
        OfficialAdamax(keras.optimizers.schedules.ExponentialDecay(1e-3, 3, 0.9)),
        keras.optimizers.LossScaleOptimizer(FusedAdam(1e-3)),
    ],
    ids=["adam", "adamax", "scaled"],
)
def test_optimizers_are_saved_with_their_state(optimizer, tmp_path):
    glow = random_glow(CONFIG)
    glow.compile(optimizer, jit_compile=False)
    glow.fit(IMAGES, batch_size=2, verbose=0)
    again = reloaded(glow, tmp_path).optimizer
    assert again.get_config() == optimizer.get_config()
    for ours, theirs in zip(optimizer.variables, again.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_in_shards(tmp_path):
    glow, fresh = random_glow(CONFIG), tfglow.Glow(CONFIG)
    glow.save_weights(tmp_path / "glow.weights.json", max_shard_size=1e-6)
    fresh.load_weights(tmp_path / "glow.weights.json")
    np.testing.assert_array_equal(fresh.encode(IMAGES), glow.encode(IMAGES))


def test_keras_older_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"saved as `.keras`, .* got '.*glow.h5'"):
        random_glow(CONFIG).save(tmp_path / "glow.h5")
