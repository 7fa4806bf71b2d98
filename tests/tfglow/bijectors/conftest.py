"""Every test that takes `case` runs for each entry of the constructor table."""

import pytest

from tests.groups import is_last_of_group
from tests.tfglow.bijectors.contract import CASES, forget_bijectors

# Whole flows, which are made of the other entries, all but the smallest.
SLOW = {name for name in CASES if name.startswith("glow_")} - {"glow_additive_full"}


def _params(names):
    return [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in names]


def pytest_runtest_teardown(item, nextitem):
    """A case's bijectors are its own: those of all cases, with their graphs, take 2 GB."""
    if is_last_of_group(item, nextitem):
        forget_bijectors()


@pytest.fixture(params=_params(CASES), name="case")
def _case(request):
    return CASES[request.param]


@pytest.fixture(
    params=_params(name for name in CASES if CASES[name].initializes), name="initialized_case"
)
def _initialized_case(request):
    return CASES[request.param]


@pytest.fixture(
    params=_params(name for name in CASES if CASES[name].knows_channels), name="sized_case"
)
def _sized_case(request):
    return CASES[request.param]


@pytest.fixture(params=["float32", "float64"], name="dtype")
def _dtype(request):
    return request.param
