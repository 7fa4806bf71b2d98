import math

import pytest

from train.data_defaults import CHOSEN_FIELDS, data_defaults, fitting_shape
from train.presets import PRESETS


@pytest.mark.parametrize(
    ("own", "model", "levels"),
    [
        ((8, 8, 1), (8, 8, 1), 1),
        ((28, 28, 1), (28, 28, 1), 2),
        ((32, 32, 3), (32, 32, 3), 3),
        ((64, 64, 3), (64, 64, 3), 4),
        ((128, 128, 3), (128, 128, 3), 5),
        ((256, 256, 3), (256, 256, 3), 6),
        ((100, 100, 3), (96, 96, 3), 4),
        ((218, 178, 3), (208, 176, 3), 4),
        ((1080, 1920, 4), (144, 256, 4), 4),
        ((2000, 3, 1), (256, 2, 1), 1),
        ((5, 7, 3), (4, 6, 3), 1),
        ((1, 1, 3), (2, 2, 3), 1),
    ],
)
def test_every_shape_becomes_one_that_can_be_halved(own, model, levels):
    assert fitting_shape(own) == model
    assert data_defaults(model, 2000).model.levels == levels


def test_a_given_shape_stays():
    assert data_defaults((100, 100, 3), 2000).model.image_shape == (100, 100, 3)
    assert data_defaults((100, 100, 3), 2000).model.levels == 2
    with pytest.raises(ValueError, match="`levels` = 1 needs a height and width divisible by 2"):
        data_defaults((33, 33, 3), 2000)


@pytest.mark.parametrize("side", [8, 32, 64, 128, 256])
@pytest.mark.parametrize("count", [1, 2, 9, 300, 1_800, 13_000, 50_000, 10_000_000])
def test_fits_every_number_of_images(side, count):
    config = data_defaults((side, side, 3), count)
    assert config.batch_size <= count
    assert config.batch_size * side**2 <= max(64 * 32**2, 8 * side**2)
    an_epoch = config.epoch_images or count
    seen = config.epochs * an_epoch
    assert min(100 * count, 5_000_000) * 0.9 <= seen <= max(110 * count, 5_000_000)
    steps = config.epochs * math.ceil(an_epoch / config.batch_size)
    assert config.resolved().warmup_steps <= steps / 10 or count >= 50_000


def test_sizes_grow_with_the_number_of_images():
    sizes = [data_defaults((32, 32, 3), count).model for count in (10, 1_000, 10_000, 50_000)]
    assert [(model.steps, model.width) for model in sizes] == [
        (8, 64),
        (16, 128),
        (16, 256),
        (32, 512),
    ]


@pytest.mark.parametrize("name", ["cifar10", "imagenet64", "celeba_hq256"])
def test_many_images_get_the_model_of_the_papers_preset(name):
    preset = PRESETS[name]
    config = data_defaults(preset.model.image_shape, 1_000_000)
    for field in ("levels", "width", "coupling", "num_bits"):
        assert getattr(config.model, field) == getattr(preset.model, field)
    assert (config.optimizer, config.learning_rate) == (preset.optimizer, preset.learning_rate)


def test_what_is_given_decides_about_the_rest():
    config = data_defaults((32, 32, 3), 2_000, batch_size=10, epochs=2, epoch_images=500)
    assert (config.batch_size, config.epochs, config.epoch_images) == (10, 2, 500)
    assert config.warmup_steps == 10  # A tenth of 100 steps.


def test_names_the_fields_that_it_chooses():
    small, large = data_defaults((8, 8, 1), 100), data_defaults((256, 256, 3), 10**6)
    pairs = [vars(c.model) | vars(c) for c in (small, large)]
    differing = {name for name in pairs[0] if pairs[0][name] != pairs[1][name]}
    assert differing - {"model"} <= set(CHOSEN_FIELDS) <= set(pairs[0])
