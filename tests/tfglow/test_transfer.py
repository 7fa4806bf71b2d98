import dataclasses

import numpy as np
import pytest

import tfglow
from tests.random_glow import random_glow
from tfglow.transfer import misfits, transfer_weights

pytestmark = pytest.mark.slow

CONFIG = tfglow.GlowConfig(
    image_shape=(8, 8, 3), levels=2, steps=2, width=4, precision="float64", seed=1
)
CONDITIONAL = dataclasses.replace(CONFIG, num_classes=3, weight_y=0.5)


def values(glow):
    return {name: variable.numpy() for name, variable in glow.named_variables.items()}


@pytest.fixture(scope="module")
def source():
    return random_glow(CONFIG, seed=3)


@pytest.fixture(scope="module")
def conditional():
    return random_glow(CONDITIONAL, seed=4)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"image_shape": (16, 8, 3)},
        {"num_bits": 5},
        {"precision": "float32"},
        {"precision": "mixed_bfloat16"},
        {"gradient_checkpointing": True},
    ],
    ids=str,
)
def test_all_weights_are_taken(source, change):
    target = tfglow.Glow(dataclasses.replace(CONFIG, **change))
    transfer = transfer_weights(source, target)
    assert (transfer.new, transfer.left) == ((), ())
    mine, theirs = values(target), values(source)
    assert mine.keys() == theirs.keys()
    # Parameters, as a run counts them: no signs and permutations.
    assert transfer.num_taken == sum(np.prod(w.shape) for w in target.trainable_weights)
    assert transfer.num_taken < sum(value.size for value in theirs.values())
    for name, value in theirs.items():
        np.testing.assert_array_equal(mine[name], value.astype(mine[name].dtype))


@pytest.mark.parametrize("held", ["lu", "full"])
def test_convolutions_come_in_the_targets_parameterization(held):
    source = random_glow(dataclasses.replace(CONFIG, parameterization=held), seed=5)
    other = {"lu": "full", "full": "lu"}[held]
    target = tfglow.Glow(dataclasses.replace(CONFIG, parameterization=other))
    transfer = transfer_weights(source, target)
    assert (transfer.new, transfer.left) == ((), ())
    x = np.random.default_rng(0).uniform(-0.5, 0.5, [3, 8, 8, 3])
    for mine, theirs in zip(
        target.flow.forward_and_log_det(x), source.flow.forward_and_log_det(x), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(target.flow.inverse(target.flow.forward(x)), x, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "classes", "new", "left"),
    [
        ({}, True, (), ()),
        ({}, False, ("class embeddings", "classifier"), ()),
        ({"num_classes": 5}, True, ("class embeddings", "classifier"), ()),
        ({"weight_y": 0.0}, True, (), ("classifier",)),
        ({"num_classes": 0, "weight_y": 0.0}, True, (), ("class embeddings", "classifier")),
        ({"learn_top": False}, True, (), ("top prior",)),
    ],
    ids=str,
)
def test_what_belongs_to_other_classes_is_new(conditional, change, classes, new, left):
    target = tfglow.Glow(dataclasses.replace(CONDITIONAL, **change))
    before = values(target)
    transfer = transfer_weights(conditional, target, classes=classes)
    assert (transfer.new, transfer.left) == (new, left)
    theirs = values(conditional)
    for name, value in values(target).items():
        of_classes = name.startswith(("top_prior/label_embedding", "classifier"))
        expected = before if new and of_classes else theirs
        np.testing.assert_array_equal(value, expected[name], name)


def test_a_model_without_classes_gives_its_weights_to_one_with(source):
    target = tfglow.Glow(CONDITIONAL)
    transfer = transfer_weights(source, target)
    assert transfer.new == ("class embeddings", "classifier")
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    # New embeddings are zero, so that each class starts as the model without.
    np.testing.assert_allclose(target.encode(images, [0, 2]), source.encode(images), atol=1e-12)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"levels": 1}, "levels is 2, not 1"),
        ({"steps": 3}, "steps is 2, not 3"),
        ({"width": 5}, "width is 4, not 5"),
        ({"coupling": "additive"}, "coupling is affine, not additive"),
        ({"permutation": "shuffle"}, "permutation is invertible_1x1_conv, not shuffle"),
        ({"image_shape": (8, 8, 1)}, "channels of image_shape is 3, not 1"),
        ({"levels": 1, "width": 5}, "levels is 2, not 1; width is 4, not 5"),
    ],
    ids=str,
)
def test_another_flow_is_refused_and_left_alone(source, change, said):
    config = dataclasses.replace(CONFIG, **change)
    target = tfglow.Glow(config)
    before = values(target)
    with pytest.raises(ValueError) as error:
        transfer_weights(source, target)
    assert str(error.value) == f"The weights do not fit: {said}."
    assert set(misfits(CONFIG, config)) == set(change)
    for name, value in values(target).items():
        np.testing.assert_array_equal(value, before[name])
