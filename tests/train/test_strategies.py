import json

import pytest
import tensorflow as tf

from train import strategies

NO_GPU = not tf.config.list_physical_devices("GPU")


@pytest.mark.parametrize(
    ("name", "replicas"), [("one_device", 1), ("mirrored", 1), ("cpu_mirrored", 2)]
)
def test_has_its_replicas(name, replicas):
    if name == "mirrored" and not NO_GPU:
        replicas = len(tf.config.list_physical_devices("GPU"))
    strategy = strategies.make_strategy(name)
    assert strategy.num_replicas_in_sync == replicas
    assert strategies.is_chief(strategy)
    assert strategies.num_workers(strategy) == 1
    assert strategies.worker_index(strategy) == 0


@pytest.mark.skipif(NO_GPU, reason="There is no GPU.")
def test_uses_the_gpus():
    for name in ("one_device", "mirrored"):
        strategy = strategies.make_strategy(name)
        assert all("GPU" in device for device in strategy.extended.worker_devices)
        assert strategies.compiles(strategy, None)


def test_xla_is_off_on_cpus_unless_asked_for():
    strategy = strategies.make_strategy("cpu_mirrored")
    assert not strategies.compiles(strategy, None)
    assert strategies.compiles(strategy, True)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "{",
        "{}",
        json.dumps({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}),
        json.dumps({"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}),
    ],
)
def test_multi_worker_needs_a_tf_config(text, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="needs the environment variable TF_CONFIG"):
        strategies.make_strategy("multi_worker_mirrored")


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"`strategy` must be one of mirrored, .*; got 'tpu'"):
        strategies.make_strategy("tpu")
