import dataclasses
import json

import numpy as np
import pytest

from tfglow import GlowConfig


def test_defaults_are_the_papers_cifar10():
    config = GlowConfig()
    assert config.image_shape == (32, 32, 3)
    assert (config.levels, config.steps, config.width) == (3, 32, 512)
    assert config.coupling == "affine" and config.permutation == "invertible_1x1_conv"
    assert config.learn_top and not config.num_classes and config.num_bits == 8


def test_is_frozen_and_hashable():
    config = GlowConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.levels = 2
    assert len({config, GlowConfig(), GlowConfig(levels=2)}) == 2


def test_goes_through_json():
    config = GlowConfig(
        image_shape=(8, 16, 1), levels=2, num_classes=7, weight_y=0.5, precision="float64", seed=3
    )
    again = GlowConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert isinstance(again.image_shape, tuple)
    assert set(config.to_dict()) == {field.name for field in dataclasses.fields(config)}


def test_unknown_fields_are_named():
    with pytest.raises(ValueError, match=r"no field \['depth', 'hidden'\].*'width'"):
        GlowConfig.from_dict({"hidden": 1, "depth": 2, "levels": 2})


@pytest.mark.parametrize(
    "image_shape, levels, shapes",
    [
        ((32, 32, 3), 3, [(16, 16, 12), (8, 8, 24), (4, 4, 48)]),
        ((8, 16, 1), 2, [(4, 8, 4), (2, 4, 8)]),
        ((2, 2, 5), 1, [(1, 1, 20)]),
    ],
)
def test_shapes_of_levels(image_shape, levels, shapes):
    config = GlowConfig(image_shape=image_shape, levels=levels)
    assert [config.level_shape(level) for level in range(levels)] == shapes
    # Half of each level leaves, and all of the last.
    sizes = [np.prod(shape) for shape in shapes]
    assert sum(sizes[:-1]) // 2 + sizes[-1] == config.num_dims == np.prod(image_shape)


@pytest.mark.parametrize(
    "precision, dtype",
    [("float32", "float32"), ("float64", "float64"), ("mixed_bfloat16", "float32")],
)
def test_dtype(precision, dtype):
    assert GlowConfig(precision=precision).dtype == dtype


def test_lists_of_shapes_are_taken():
    assert GlowConfig(image_shape=[8, 8, 3]).image_shape == (8, 8, 3)


def test_numbers_of_numpy_are_taken():
    config = GlowConfig(
        image_shape=np.array([8, 8, 3]), levels=np.int64(2), num_classes=np.uint8(4), weight_y=1
    )
    expected = GlowConfig(image_shape=(8, 8, 3), levels=2, num_classes=4, weight_y=1.0)
    assert config == expected
    assert json.dumps(config.to_dict()) == json.dumps(expected.to_dict())


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("image_shape", 32, "`image_shape` must be .*got 32"),
        ("image_shape", (32, 32), r"`image_shape` must be .*got \(32, 32\)"),
        ("image_shape", (32, 32, 0), r"`image_shape` must be .*got \(32, 32, 0\)"),
        ("image_shape", (32, 32.0, 3), r"`image_shape` must be .*got \(32, 32\.0, 3\)"),
        ("image_shape", None, "`image_shape` must be .*got None"),
        ("image_shape", "328", "`image_shape` must be .*got '328'"),
        ("levels", 0, "`levels` must be an integer >= 1, got 0"),
        ("levels", True, "`levels` must be an integer >= 1, got True"),
        ("steps", -1, "`steps` must be an integer >= 1, got -1"),
        ("width", 2.5, r"`width` must be an integer >= 1, got 2\.5"),
        ("num_classes", -1, "`num_classes` must be an integer >= 0, got -1"),
        ("num_bits", 0, "`num_bits` must be an integer from 1 to 8, got 0"),
        ("num_bits", 9, "`num_bits` must be an integer from 1 to 8, got 9"),
        ("seed", None, "`seed` must be an integer >= 0, got None"),
        ("coupling", "Affine", "`coupling` must be one of affine, additive; got 'Affine'"),
        ("permutation", 2, "`permutation` must be one of .*shuffle, reverse; got 2"),
        ("parameterization", "qr", "`parameterization` must be one of lu, full; got 'qr'"),
        ("precision", "float16", "`precision` must be one of .*mixed_bfloat16; got 'float16'"),
        ("learn_top", 1, "`learn_top` must be True or False, got 1"),
        ("gradient_checkpointing", None, "`gradient_checkpointing` must be .*got None"),
        ("weight_y", -0.1, r"`weight_y` must be a finite number >= 0, got -0\.1"),
        ("weight_y", float("nan"), "`weight_y` must be a finite number >= 0, got nan"),
        ("weight_y", float("inf"), "`weight_y` must be a finite number >= 0, got inf"),
        ("weight_y", "1", "`weight_y` must be a finite number >= 0, got '1'"),
        ("weight_y", True, "`weight_y` must be a finite number >= 0, got True"),
        ("weight_y", 0.1, r"`weight_y` = 0\.1 needs a conditional model, got num_classes = 0"),
        ("levels", 6, r"`levels` = 6 needs .*divisible by 64, got image_shape = \(32, 32, 3\)"),
    ],
)
def test_what_is_out_of_range_is_quoted(field, value, message):
    with pytest.raises(ValueError, match=message):
        GlowConfig(**{field: value})


@pytest.mark.parametrize("image_shape", [(20, 16, 3), (16, 20, 3)])
def test_height_and_width_must_divide(image_shape):
    GlowConfig(image_shape=image_shape, levels=2)
    with pytest.raises(ValueError, match=r"`levels` = 3 needs .* divisible by 8"):
        GlowConfig(image_shape=image_shape, levels=3)
