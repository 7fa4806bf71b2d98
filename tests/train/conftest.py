import dataclasses

import pytest

from tfglow import GlowConfig
from train.data import load_split
from train.presets import PRESETS
from train.strategies import make_strategy


@pytest.fixture(scope="session")
def tiny():
    """The smallest configuration: 2 epochs of 10 steps of 16 images, and one level of one step.

    A run's life does not depend on how deep the flow is; its first step is traced in half the time.
    """
    tiny = PRESETS["tiny"]
    return dataclasses.replace(tiny, model=dataclasses.replace(tiny.model, levels=1)).resolved()


@pytest.fixture(scope="session")
def conditional(tiny):
    """As `tiny`, with labels and a classifier."""
    model = dataclasses.replace(tiny.model, num_classes=10, weight_y=0.5)
    return dataclasses.replace(tiny, model=model)


@pytest.fixture(scope="session")
def digits(tiny):
    """The digits' training split."""
    return load_split(tiny, "train")


@pytest.fixture(scope="session")
def test_digits(tiny):
    return load_split(tiny, "test")


@pytest.fixture(scope="session")
def two_replicas():
    return make_strategy("cpu_mirrored")


@pytest.fixture(scope="session")
def one_device():
    return make_strategy("one_device")


@pytest.fixture(scope="session")
def deep_model():
    """Every kind of layer: two levels of two steps."""
    return GlowConfig(image_shape=(8, 8, 1), levels=2, steps=2, width=8)
