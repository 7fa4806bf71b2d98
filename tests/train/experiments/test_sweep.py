"""Several runs in one folder: what is missing is trained, what is there is left alone."""

import dataclasses
import json

import pytest

from tfglow.runs.run_folder import RunFolder
from train.experiments import sweep
from train.run import Summary


@pytest.fixture
def configs(tiny):
    return {
        name: dataclasses.replace(tiny, model=dataclasses.replace(tiny.model, seed=seed))
        for name, seed in (("a", 0), ("b", 1), ("c", 2))
    }


@pytest.fixture
def trained(monkeypatch):
    """Stands in for the training: writes the metrics of all epochs, and notes the run's name."""
    names = []

    def train(config, path):
        names.append(path.name)
        run = RunFolder(path)
        if not run.exists():
            run = RunFolder.create(path, config.resolved().to_dict())
        lines = [json.dumps({"epoch": epoch + 1}) for epoch in range(config.epochs)]
        run.metrics_path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return Summary(step=1, finished=path.name != "stopped")

    monkeypatch.setattr("train.run.train_and_evaluate", train)
    return names


def test_trains_what_is_missing(configs, trained, tmp_path):
    said = []
    assert sweep.run_missing({"b": configs["b"]}, tmp_path)
    assert sweep.run_missing(configs, tmp_path, said.append)
    assert sweep.run_missing(configs, tmp_path, said.append)
    assert trained == ["b", "a", "c"]
    assert said == ["Run 1 of 2 that are missing, a:", "Run 2 of 2 that are missing, c:"]


def test_goes_on_with_more_epochs(configs, trained, tmp_path):
    sweep.run_missing(configs, tmp_path)
    longer = {name: dataclasses.replace(c, epochs=c.epochs + 1) for name, c in configs.items()}
    sweep.run_missing(longer, tmp_path)
    assert trained == ["a", "b", "c", "a", "b", "c"]
    # And what ran longer than it is asked for now is not run again.
    sweep.run_missing(configs, tmp_path)
    assert len(trained) == 6


def test_another_configuration_is_not_taken_for_finished(configs, trained, tmp_path):
    sweep.run_missing({"a": configs["a"]}, tmp_path)
    assert sweep.finished(configs["a"], tmp_path, "a")
    assert not sweep.finished(configs["b"], tmp_path, "a")
    assert not sweep.finished(configs["b"], tmp_path, "b")


def test_a_run_of_another_configuration_is_not_trained_on(configs, trained, tmp_path):
    sweep.run_missing({"a": configs["a"]}, tmp_path)
    with pytest.raises(ValueError, match="was trained with seed 0 → 1: give another folder"):
        sweep.run_missing({"a": configs["b"]}, tmp_path)
    assert trained == ["a"]


def test_stops_when_a_run_is_stopped(configs, trained, tmp_path):
    assert not sweep.run_missing({"stopped": configs["a"], "later": configs["b"]}, tmp_path)
    assert trained == ["stopped"]
