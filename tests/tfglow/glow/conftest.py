"""What the tests of `tfglow/glow.py` share: a folder for one file, since they are many."""

import numpy as np
import pytest

from tests.tfglow.glow.models import CONDITIONAL, make_glow


@pytest.fixture(name="glow", scope="package")
def _glow():
    """Shared: not to be changed."""
    return make_glow()


@pytest.fixture(name="conditional", scope="package")
def _conditional():
    """Shared: not to be changed."""
    return make_glow(CONDITIONAL)


@pytest.fixture(name="images")
def _images():
    return np.random.default_rng(0).integers(256, size=[4, 8, 8, 3], dtype=np.uint8)


@pytest.fixture(name="labels")
def _labels():
    return np.array([0, 4, 2, 2])


@pytest.fixture(name="noise")
def _noise():
    return np.random.default_rng(2).uniform(size=[4, 8, 8, 3]).astype(np.float32)
