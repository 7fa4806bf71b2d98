import dataclasses
import functools

import pytest

from tests.train.kept_state import KeptState
from tfglow import GlowConfig
from train import strategies, trainer
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


@pytest.fixture(scope="module", autouse=True)
def shared_tracing():
    """Runs of a file that have the same configuration trace their functions once.

    They have one `TrainState`, which is given a new one's values whenever a run begins.
    """
    kept = functools.cache(KeptState)

    def make_state(config, strategy):
        # What the loop alone asks for, and nothing that is traced.
        own = dataclasses.replace(config, epochs=1, checkpoint_every=1, max_skipped_steps=1)
        return kept(own, strategy).renewed()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strategies, "make_strategy", functools.cache(strategies.make_strategy))
        patch.setattr(trainer, "TrainState", make_state)
        for name in ("TrainStep", "Evaluator"):
            patch.setattr(trainer, name, functools.cache(getattr(trainer, name)))
        yield make_state


@pytest.fixture(scope="session")
def deep_model():
    """Every kind of layer: two levels of two steps."""
    return GlowConfig(image_shape=(8, 8, 1), levels=2, steps=2, width=8)
