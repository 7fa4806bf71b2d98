"""Every test that takes `case` runs for each entry of the constructor table."""

import pytest

from tests.tfglow.bijectors.contract import CASES


@pytest.fixture(params=list(CASES), name="case")
def _case(request):
    return CASES[request.param]


@pytest.fixture(params=[name for name in CASES if CASES[name].initializes], name="initialized_case")
def _initialized_case(request):
    return CASES[request.param]


@pytest.fixture(params=[name for name in CASES if CASES[name].knows_channels], name="sized_case")
def _sized_case(request):
    return CASES[request.param]


@pytest.fixture(params=["float32", "float64"], name="dtype")
def _dtype(request):
    return request.param
