"""A run folder and what export publishes of it."""

import json

import pytest

from export.exporting import export_run
from tests.export.models import random_config, random_images, random_labels
from tests.random_glow import random_glow
from tfglow.runs.run_folder import RunFolder
from tfglow.scoring import Detector

CONFIG = random_config(num_classes=3, levels=2, steps=1, width=4)
# Where the model is not looked at: with as few signatures as there are.
SMALLEST = random_config(image_shape=(2, 2, 5), levels=1, steps=1, width=4)
STEP = 12


def make_run(path, *, average=True, config=CONFIG):
    """A run folder with random weights, and another random average of them."""
    run = RunFolder.create(
        path, {"model": config.to_dict(), "dataset": "digits", "resize": "center_crop"}
    )
    run.save_glow(raw_glow(config), averaged_glow(config) if average else None, step=STEP)
    lines = [
        {"epoch": 1, "step": 6, "eval_bits_per_dim": 4.5, "eval_bits_per_dim_raw": 5.5},
        {"epoch": 2, "step": STEP, "eval_bits_per_dim": 3.5, "eval_bits_per_dim_raw": 3.75},
        {"epoch": 3, "step": 18, "eval_bits_per_dim": 2.5, "eval_bits_per_dim_raw": 2.75},
    ]
    run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def raw_glow(config=CONFIG):
    return random_glow(config, seed=1)


def averaged_glow(config=CONFIG):
    return random_glow(config, seed=2)


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "digits")


@pytest.fixture(scope="session")
def smallest_run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "smallest", config=SMALLEST)


@pytest.fixture(scope="session")
def detector(run):
    """A detector of the run's averaged weights, and its file."""
    return fitted(CONFIG, run.path.parent / "detector.json")


@pytest.fixture(scope="session")
def smallest_detector(smallest_run):
    return fitted(SMALLEST, smallest_run.path.parent / "detector.json")


def fitted(config, path):
    detector = Detector.fit(
        averaged_glow(config),
        random_images(config, 60),
        random_labels(config, 60).get("label"),
        statistic="typicality",
        num_draws=2,
    )
    detector.save(path)
    return detector, path


@pytest.fixture(scope="session")
def export(run, detector):
    """The first version of the run, with the detector; not to be changed."""
    return export_run(run.path, run.path.parent / "exports", detector=detector[1])
