import contextlib
import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import REPO
from tests.forked import Forked
from tests.train.kept_state import all_variables
from tfglow import log_filter
from tfglow.runs.checkpoints import list_checkpoints
from tfglow.runs.run_folder import RunFolder
from tfglow.tensorflow_log import LEVEL
from train import data, strategies
from train.main import main
from train.progress import Progress
from train.run import gaussian_bits_per_dim, train_and_evaluate
from train.state import TrainState
from train.stop import StopRequest
from train.training_diverged import TrainingDiverged


@pytest.fixture(scope="module")
def config(conditional):
    """Two epochs of ten steps on two replicas, with a classifier."""
    return dataclasses.replace(conditional, strategy="cpu_mirrored")


@pytest.fixture(scope="module")
def reported():
    """The lines that `finished` printed, each with the checkpoints that were there by then."""
    return {}


@pytest.fixture(scope="module")
def finished(config, reported, tmp_path_factory):
    """A run that went straight through, and its summary."""
    run = RunFolder(tmp_path_factory.mktemp("finished") / "run")

    def record(text):
        reported[text] = list_checkpoints(run.checkpoint_dir)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Progress, "print", staticmethod(record))
        return run, train_and_evaluate(config, run.path)


def tensors(prefix):
    """All that a checkpoint holds, by name."""
    reader = tf.train.load_checkpoint(prefix)
    names = reader.get_variable_to_shape_map()
    return {n: reader.get_tensor(n) for n in names if "save_counter" not in n and "GRAPH" not in n}


def assert_same_checkpoint(run, other):
    mine, theirs = tensors(run.checkpoint("latest")), tensors(other.checkpoint("latest"))
    assert mine.keys() == theirs.keys()
    for name in mine:
        np.testing.assert_array_equal(mine[name], theirs[name], name)


def without_speed(lines):
    return [{k: v for k, v in line.items() if k != "images_per_second"} for line in lines]


class StopAfter(StopRequest):
    """Asks to stop during the n-th step."""

    def __init__(self, steps):
        self._left = steps
        super().__init__()

    @property
    def requested(self):
        self._left -= 1
        return self._left <= 0

    @requested.setter
    def requested(self, value):
        pass


@pytest.mark.slow
def test_a_run_writes_what_the_contract_lists(finished):
    run, summary = finished
    assert (summary.step, summary.finished) == (20, True)
    assert run.model_config().num_classes == 10
    first, last = run.metrics()
    assert (first["epoch"], first["step"], first["images_seen"]) == (1, 10, 160)
    assert (last["epoch"], last["step"], last["images_seen"]) == (2, 20, 320)
    assert last["train_bits_per_dim"] < first["train_bits_per_dim"]
    assert last["eval_bits_per_dim"] < first["eval_bits_per_dim"]
    assert last["images_per_second"] > 0
    assert 0 < last["min_coupling_scale"] < 1 <= last["max_condition_number"] < 10
    assert last["round_trip_error"] < 1e-4
    assert last["skipped_steps"] == 0
    assert 0 <= last["eval_accuracy"] <= 1
    assert summary.eval_bits_per_dim == last["eval_bits_per_dim"]
    assert 3 < summary.gaussian_bits_per_dim < 8
    assert sorted(os.listdir(run.samples_dir)) == [
        f"epoch_000{epoch}_temperature_0.70.png" for epoch in (1, 2)
    ]
    assert run.curves_path.stat().st_size > 1000
    assert any(run.tensorboard_dir.iterdir())
    assert run.checkpoint("best").endswith("ckpt-20")
    assert run.checkpoint("latest").endswith("ckpt-20")


@pytest.mark.slow
def test_runs_of_this_file_begin_with_a_new_ones_values(finished, config, shared_tracing):
    """Though they share a state, with what was traced of it."""
    state, new = (
        make(config, strategies.make_strategy(config.strategy))
        for make in (shared_tracing, TrainState)
    )
    for variable, other in zip(all_variables(state), all_variables(new), strict=True):
        np.testing.assert_array_equal(variable.numpy(), other.numpy(), variable.name)


@pytest.mark.slow
def test_says_first_what_it_trains_and_reports_an_epoch_when_it_is_saved(finished, reported):
    announced, initialising, first_step, took, *lines = reported
    # On a slow machine there are lines of progress in between.
    epochs = [line for line in lines if re.match(r"epoch \d+/", line)]
    assert announced.startswith(
        "Data     digits: 1,500 images to train on (train), 297 to evaluate"
    )
    assert initialising == "Initialising the layers on images."
    assert first_step == "The first step is traced, which takes longer than the steps after it."
    assert took.startswith("It took ")
    assert all(reported[text] == [] for text in (announced, initialising, first_step, took))
    for number, text in enumerate(epochs, 1):
        assert text.startswith(f"epoch {number}/2 · step {10 * number} · train ")
        assert reported[text][-1].endswith(f"ckpt-{10 * number}")
    assert epochs[0].endswith(" s left") and " left" not in epochs[1]


@pytest.mark.slow
def test_evaluation_uses_the_averaged_weights(finished, config):
    """And the raw ones are kept; both are what the run said they are."""
    run, _ = finished
    last = run.metrics()[-1]
    split = data.load_split(config, "test")
    batch = next(iter(split.batches(40, shuffle=False)))
    for weights, name in (("averaged", "eval_bits_per_dim"), ("raw", "eval_bits_per_dim_raw")):
        glow = run.load_glow(weights, "latest")
        bits = glow.bits_per_dim(batch["image"], batch["label"], batch["noise"])
        assert float(tf.reduce_mean(bits)) == pytest.approx(last[name], abs=0.02)
    assert last["eval_bits_per_dim"] != last["eval_bits_per_dim_raw"]


@pytest.fixture(scope="module")
def stopped(config, tmp_path_factory):
    """A run that was stopped before there was an epoch's checkpoint, and after it, at step 13."""
    run = RunFolder(tmp_path_factory.mktemp("stopped") / "run")
    for steps, done in ((4, 4), (9, 13)):
        summary = train_and_evaluate(config, run.path, StopAfter(steps))
        assert (summary.step, summary.finished) == (done, False)
        assert summary.eval_bits_per_dim is None
    return run


@pytest.fixture
def stopped_copy(stopped, tmp_path):
    return RunFolder(Path(shutil.copytree(stopped.path, tmp_path / "run")))


@pytest.mark.slow
def test_a_stopped_run_goes_on_as_if_it_had_not(finished, stopped_copy, config, capsys):
    straight, _ = finished
    summary = train_and_evaluate(config, stopped_copy.path)
    assert (summary.step, summary.finished) == (20, True)
    assert "Resumed at step 13 of 20" in capsys.readouterr().out
    assert_same_checkpoint(stopped_copy, straight)
    assert without_speed(stopped_copy.metrics()) == without_speed(straight.metrics())


@pytest.mark.slow
def test_a_finished_run_can_be_asked_again_and_trained_on(finished, one_epoch, config, tmp_path):
    run, summary = finished
    lines = run.metrics()
    assert train_and_evaluate(config, run.path) == summary
    assert run.metrics() == lines
    longer = RunFolder(Path(shutil.copytree(one_epoch, tmp_path / "longer")))
    train_and_evaluate(config, longer.path)
    assert_same_checkpoint(longer, run)
    assert longer.read_config()["epochs"] == 2


@pytest.mark.slow
def test_goes_on_with_another_strategy(finished, stopped_copy, config):
    straight, _ = finished
    run = stopped_copy
    train_and_evaluate(dataclasses.replace(config, strategy="one_device"), run.path)
    mine, theirs = tensors(run.checkpoint("latest")), tensors(straight.checkpoint("latest"))
    for name in mine:
        np.testing.assert_allclose(mine[name], theirs[name], atol=1e-4, err_msg=name)


@pytest.mark.slow
def test_a_changed_configuration_is_refused(finished, config):
    run, _ = finished
    before = run.config_path.read_bytes()
    model = dataclasses.replace(config.model, width=9)
    changed = dataclasses.replace(config, model=model, learning_rate=2e-3)
    with pytest.raises(ValueError, match=r"cannot change width 8 → 9 \(its weights"):
        train_and_evaluate(changed, run.path)
    assert run.config_path.read_bytes() == before


@pytest.mark.slow
def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_used(
    finished, stopped_copy, config, capsys
):
    straight, _ = finished
    run = stopped_copy
    (run.checkpoint_dir / "ckpt-13.data-00000-of-00001").write_bytes(b"damaged")
    train_and_evaluate(config, run.path)
    output = capsys.readouterr().out
    assert "ckpt-13' is damaged" in output
    assert "Resumed at step 10 of 20" in output
    assert_same_checkpoint(run, straight)


def spoil_steps(monkeypatch, wrong):
    """Makes the noise of some steps NaN."""
    original = data.TrainingBatches.starting_at

    def spoiled(self, step):
        for number, batch in enumerate(original(self, step), start=step + 1):
            if number in wrong:
                batch["noise"] = tf.nest.map_structure(
                    lambda v: v * np.nan, batch["noise"], expand_composites=True
                )
            yield batch

    monkeypatch.setattr(data.TrainingBatches, "starting_at", spoiled)


@pytest.mark.slow
def test_a_step_that_is_not_finite_is_skipped_counted_and_reported(
    config, tmp_path, monkeypatch, capsys
):
    spoil_steps(monkeypatch, {3, 12})
    run = RunFolder(tmp_path / "run")
    assert train_and_evaluate(config, run.path).finished
    assert [line["skipped_steps"] for line in run.metrics()] == [1, 2]
    assert all(np.isfinite(line["train_bits_per_dim"]) for line in run.metrics())
    output = capsys.readouterr().out
    assert "Step 3 was not applied" in output
    assert "first went wrong the dequantised images. Skipped so far: 2, in a row: 1." in output


@pytest.mark.slow
def test_training_stops_after_several_in_a_row(config, tmp_path, monkeypatch):
    spoil_steps(monkeypatch, range(12, 100))
    run = RunFolder(tmp_path / "run")
    # Checkpoints of steps that were not taken push out no others, and those of their weights go.
    often = dataclasses.replace(config, max_skipped_steps=3, checkpoint_every=1)
    with pytest.raises(TrainingDiverged, match=r"stopped at step 14: 3 steps in a row.* step 10: "):
        train_and_evaluate(often, run.path)
    assert run.checkpoint("latest").endswith("ckpt-10")
    assert not list(run.checkpoint_dir.glob("ckpt-11*"))
    assert all(np.isfinite(v.numpy()).all() for v in run.load_glow(checkpoint="latest").weights)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "no_such_data"}, "Unknown data set 'no_such_data'"),
        ({"dataset": "folder"}, "needs `data_dir`"),
        ({"batch_size": 2000}, "A batch of 2000 images"),
        ({"batch_size": 15}, "`batch_size` = 15 cannot be divided among 2 replicas"),
        ({"eval_split": "nothing"}, "Unknown split 'nothing'"),
    ],
)
def test_what_is_wrong_with_the_data_leaves_no_run_folder(changes, message, config, tmp_path):
    with pytest.raises(ValueError, match=message):
        train_and_evaluate(dataclasses.replace(config, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_fewer_images_than_dimensions_have_no_gaussian(tiny):
    evaluation = data.load_split(tiny, "test")
    few, enough = (data.load_split(tiny, f"train[:{count}]") for count in (64, 65))
    assert gaussian_bits_per_dim(tiny, few, evaluation) is None
    assert gaussian_bits_per_dim(tiny, enough, evaluation) > 0


def test_a_folder_that_is_no_run_is_refused(config, tmp_path):
    (tmp_path / "precious.txt").write_text("x")
    with pytest.raises(ValueError, match=r"holds files but no config.json"):
        train_and_evaluate(config, tmp_path)
    assert os.listdir(tmp_path) == ["precious.txt"]


@contextlib.contextmanager
def starting(number, run, *flags):
    """`python .../train/main.py`, as a user runs it from any folder, if it is to be stopped.

    To be killed, it need not start from nothing again.
    """
    script = REPO / "train" / "main.py"
    flags = [f"--run_dir={run.path}", *flags]
    if number == signal.SIGKILL:
        with Forked(script, *flags, cwd=run.path.parent) as process:
            yield process
        return
    with subprocess.Popen(
        [sys.executable, script, *flags],
        cwd=run.path.parent,
        env={k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", LEVEL)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


@pytest.mark.slow
def test_a_killed_process_is_resumed_to_the_same_weights(tmp_path, capsys):
    """Stopped by SIGTERM and killed by SIGKILL, each a process; finished; then without a break."""
    run = RunFolder(tmp_path / "run")
    flags = ["--preset=tiny", "--levels=1", "--strategy=one_device"]
    for number in (signal.SIGTERM, signal.SIGKILL):
        lines = len(run.metrics())
        with starting(number, run, *flags, "--epochs=10000") as process:
            deadline = time.monotonic() + 300
            while (
                len(run.metrics()) == lines
                and process.poll() is None
                and time.monotonic() < deadline
            ):
                time.sleep(0.05)
            process.send_signal(number)
            output, errors = process.communicate(timeout=120)
            returncode = process.returncode
        # Nothing that is not meant for the user; where TensorFlow was imported before, as no user
        # has it, nothing that a command's filter would have let through.
        if number == signal.SIGKILL:
            level, gpu = log_filter.ERRORS, log_filter.has_gpu()
            written = errors.splitlines(keepends=True)
            errors = "".join(w for w in written if log_filter.is_shown(w.encode(), level, gpu))
        assert errors == ""
        if number == signal.SIGTERM:
            assert returncode == 0
            assert "Stopped and saved at step" in output
        else:
            assert returncode == -signal.SIGKILL
    epochs = len(run.metrics()) + 1
    straight = RunFolder(tmp_path / "straight")
    for folder in (run, straight):
        capsys.readouterr()
        main([*flags, f"--epochs={epochs}", f"--run_dir={folder.path}"])
        output, errors = capsys.readouterr()
        assert ("Resumed at step" in output) == (folder is run)
        assert f"Finished at step {10 * epochs}" in output
        assert "Glow, averaged weights" in output
        assert "Gaussian, full covariance" in output
        assert "img/s" not in errors  # No progress bar without a terminal.
    assert_same_checkpoint(run, straight)
    assert without_speed(run.metrics()) == without_speed(straight.metrics())
