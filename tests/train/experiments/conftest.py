"""Runs that several files of tests open, made once a process."""

import pytest

from tests.train.experiments.saved_run import save_run
from train.experiments.trained_run import TrainedRun


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """An unconditional model of the digits; not to be changed."""
    return TrainedRun.open(save_run(tmp_path_factory.mktemp("runs") / "digits").path)


@pytest.fixture(scope="session")
def conditional_run(tmp_path_factory):
    """The same of a conditional one with a classifier."""
    folder = tmp_path_factory.mktemp("runs") / "conditional"
    return TrainedRun.open(save_run(folder, num_classes=10, weight_y=0.01).path)
