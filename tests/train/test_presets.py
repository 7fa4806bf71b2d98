import pytest

from tfglow import datasets
from tfglow.datasets import embedded
from train.presets import DEFAULT_PRESET, EMBEDDED_PRESETS, PRESETS

# levels, steps, coupling, bits, batch of all GPUs: openai/glow's README, 64 images of 32x32 a GPU,
# on 8 GPUs, and on 40 for the last two.
OFFICIAL = {
    "cifar10": (3, 32, "affine", 8, 512),
    "imagenet32": (3, 48, "affine", 8, 512),
    "imagenet64": (4, 48, "affine", 8, 128),
    "lsun64": (3, 48, "affine", 8, 128),
    "cifar10_conditional": (3, 32, "additive", 5, 512),
    "imagenet32_conditional": (3, 48, "additive", 5, 512),
    "celeba_hq256": (6, 32, "additive", 5, 40),
    "lsun128": (5, 64, "additive", 5, 160),
}


@pytest.mark.parametrize("name", OFFICIAL)
def test_official_hyperparameters(name):
    config = PRESETS[name].resolved()
    model = config.model
    assert (
        model.levels,
        model.steps,
        model.coupling,
        model.num_bits,
        config.batch_size,
    ) == OFFICIAL[name]
    assert (model.width, model.permutation, model.learn_top) == (512, "invertible_1x1_conv", True)
    assert (config.optimizer, config.learning_rate, config.beta_1) == ("adamax", 1e-3, 0.9)
    gpus = 40 if name in ("celeba_hq256", "lsun128") else 8
    steps_an_epoch = -(-50_000 // (64 * gpus))
    assert config.warmup_steps == 10 * steps_an_epoch
    assert config.beta_2 == pytest.approx(1 - 1 / steps_an_epoch, abs=1e-12)
    # 256 images of 32x32 pixels, or as many pixels.
    assert config.init_images * model.image_shape[0] ** 2 == 256 * 32**2
    assert (model.weight_y, model.num_classes > 0) == (
        (0.01, True) if name.endswith("conditional") else (0.0, False)
    )


def test_names_that_are_promised():
    assert set(PRESETS) >= {*OFFICIAL, "digits", "fashion", "tiny"}


def test_an_embedded_data_set_has_a_preset_of_its_name_and_shape(tmp_path):
    assert sorted(EMBEDDED_PRESETS) == sorted(embedded.NAMES)
    assert DEFAULT_PRESET in EMBEDDED_PRESETS
    for name in EMBEDDED_PRESETS:
        config = PRESETS[name]
        assert config.dataset == name
        assert config.model.image_shape == datasets.load(name, "test", tmp_path).image_shape
