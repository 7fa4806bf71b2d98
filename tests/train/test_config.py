import dataclasses
import json

import numpy as np
import pytest

from tfglow import GlowConfig
from train.config import TrainConfig, changes


def test_comes_back_from_json():
    config = TrainConfig(
        model=GlowConfig(image_shape=(8, 8, 1), levels=2, width=8),
        clip_norm=3,
        sample_temperatures=(0.5, 1),
    )
    again = TrainConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert isinstance(again.clip_norm, float)
    assert again.sample_temperatures == (0.5, 1.0)


def test_numbers_of_numpy_are_taken():
    config = TrainConfig(
        batch_size=np.int64(7),
        learning_rate=np.float64(0.5),
        flip=np.False_,
        sample_temperatures=np.array([0.5, 1.0]),
    )
    assert config == TrainConfig(
        batch_size=7, learning_rate=0.5, flip=False, sample_temperatures=(0.5, 1.0)
    )
    json.dumps(config.to_dict())


def test_fields_that_are_missing_have_defaults():
    assert TrainConfig.from_dict({"batch_size": 7}) == TrainConfig(batch_size=7)


def test_official_warm_up_and_decays():
    """openai/glow: 98 steps an epoch at 512 images, 20 at its 40 images of 256x256 pixels."""
    config = TrainConfig(batch_size=512).resolved()
    assert config.warmup_steps == 980
    assert config.beta_2 == config.average_decay == pytest.approx(1 - 1 / 98, abs=1e-15)
    faces = TrainConfig(model=GlowConfig(image_shape=(256, 256, 3)), batch_size=40).resolved()
    assert faces.warmup_steps == 200
    assert faces.beta_2 == pytest.approx(0.95, abs=1e-15)


def test_what_is_given_is_kept():
    config = TrainConfig(warmup_steps=0, beta_2=0.9, average_decay=0.0, init_images=7)
    assert config.resolved() == config
    assert TrainConfig(beta_2=0.9).resolved().average_decay == 0.9


@pytest.mark.parametrize(
    ("side", "width", "images"),
    [
        (8, 512, 256),
        (32, 512, 256),  # The official code's.
        (64, 512, 64),
        (128, 512, 16),
        (256, 512, 16),  # 512 MiB in a hidden layer; 256 would take 8 GiB.
        (256, 1024, 8),
        (1024, 512, 1),
        (4096, 4096, 1),
    ],
)
def test_initialises_on_as_many_images_as_suit_their_size(side, width, images):
    model = GlowConfig(image_shape=(side, side, 3), width=width)
    assert TrainConfig(model=model).resolved().init_images == images
    assert TrainConfig(model=model, init_images=5).resolved().init_images == 5


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("batch_size", 0, "`batch_size` must be an integer >= 1, got 0"),
        ("batch_size", 2.0, "`batch_size` must be an integer >= 1, got 2.0"),
        ("batch_size", True, "`batch_size` must be an integer >= 1, got True"),
        ("epoch_images", 0, "`epoch_images` must be an integer >= 1 or None, got 0"),
        ("shift", -1, "`shift` must be an integer >= 0, got -1"),
        ("flip", 1, "`flip` must be True or False, got 1"),
        ("learning_rate", 0.0, "`learning_rate` must be a finite number > 0, got 0.0"),
        ("learning_rate", float("inf"), "`learning_rate` must be a finite number > 0, got inf"),
        ("clip_norm", float("nan"), "`clip_norm` must be a finite number > 0 or None, got nan"),
        ("beta_2", 1.0, "`beta_2` must be a finite number >= 0 and < 1 or None, got 1.0"),
        ("dataset", 3, "`dataset` must be a string, got 3"),
        ("resize", "stretch", "`resize` must be one of resize, .*got 'stretch'"),
        ("optimizer", "sgd", "`optimizer` must be one of adamax, adam; got 'sgd'"),
        ("strategy", "tpu", "`strategy` must be one of mirrored, .*got 'tpu'"),
        (
            "sample_temperatures",
            (0.5, -1.0),
            "`sample_temperatures` must be a sequence of finite numbers >= 0, .*-1.0",
        ),
        (
            "sample_temperatures",
            ("hot",),
            "`sample_temperatures` must be a sequence of finite numbers",
        ),
        ("model", {}, "`model` must be a tfglow.GlowConfig"),
    ],
)
def test_refuses_what_is_out_of_range(field, value, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**{field: value})


def test_refuses_unknown_fields():
    with pytest.raises(ValueError, match=r"TrainConfig has no field \['batchsize'\]"):
        TrainConfig.from_dict({"batchsize": 3})


def test_names_what_differs():
    before = TrainConfig()
    now = dataclasses.replace(before, batch_size=3, epochs=5, model=GlowConfig(width=7))
    assert [str(change) for change in changes(before, now)] == [
        "width 512 → 7",
        "batch_size 512 → 3",
        "epochs 1000 → 5",
    ]
    assert changes(before, before) == []
