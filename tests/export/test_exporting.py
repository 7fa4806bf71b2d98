"""From a run folder to a version, and what is said when there is nothing to publish."""

import os
import runpy
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from export import main, saved_model
from export.exporting import export_run
from tests.export.conftest import CONFIG, make_run, raw_glow
from tests.export.models import random_images
from tests.forked import Forked
from tests.full_disk import full_disk
from tests.random_glow import assign_step
from tfglow.frozen_flow import FrozenStep
from tfglow.runs.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def base(tmp_path):
    return tmp_path / "exports"


def command(capsys, *arguments):
    """The exit status of `export/main.py`, and what it prints and complains."""
    status = main.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def complaint(capsys, *arguments):
    """The one sentence with which `export/main.py` fails."""
    status, out, err = command(capsys, *arguments)
    assert status == 1 and out == ""
    assert err.startswith("error: ") and err.count("\n") == 1
    return err.removeprefix("error: ").rstrip("\n")


def assert_encodes_as(path, glow):
    """A published version is of this model."""
    images, label = random_images(CONFIG, 3), tf.constant([0, 1, 2], tf.int32)
    answer = tf.saved_model.load(str(path)).signatures["encode"](image=images, label=label)
    expected = glow.encode(images, label)
    np.testing.assert_allclose(answer["latent"], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_the_command_publishes_the_raw_weights_and_says_so(run, base, capsys):
    status, out, err = command(
        capsys, f"--run_dir={run.path}", f"--export_dir={base}", "--raw_weights"
    )
    assert (status, err) == (0, "")
    assert out == (
        f"Published {base / '1'}: the raw weights of step 12 (3.750 bits per dimension in the "
        "run's evaluation). Signatures: encode, decode, sample, encode_bytes, decode_png, "
        "sample_png, preparation, serving_default.\n"
    )
    assert_encodes_as(base / "1", raw_glow())


@pytest.mark.slow
def test_the_script_runs_from_anywhere(smallest_run, base, tmp_path):
    flags = [f"--run_dir={smallest_run.path}", f"--export_dir={base}", "--version=40"]
    with Forked(ROOT / "export" / "main.py", *flags, cwd=tmp_path) as process:
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert output.startswith(f"Published {base / '40'}: the averaged weights of step 12")
    assert "Traceback" not in errors


def test_the_script_fails_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["main.py", "--run_dir=absent", "--export_dir=exports"])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_path(str(ROOT / "export" / "main.py"), run_name="__main__")
    assert exit_.value.code == 1
    assert capsys.readouterr().err == "error: There is no run folder 'absent'.\n"


@pytest.mark.slow
def test_networks_in_bfloat16_of_a_run_that_was_never_evaluated(
    smallest_run, smallest_detector, base, tmp_path, capsys
):
    copy = RunFolder(Path(shutil.copytree(smallest_run.path, tmp_path / "copy")))
    copy.metrics_path.unlink()
    export = export_run(copy.path, base, precision="mixed_bfloat16", detector=smallest_detector[1])
    assert capsys.readouterr().out == (
        "The detector was fitted with --precision=float32, and this export computes in "
        "mixed_bfloat16: scores differ by what bfloat16 rounds.\n"
    )
    assert export.source["precision"] == "mixed_bfloat16"
    loaded = tf.saved_model.load(str(export.path))
    # A SavedModel keeps the order of a tuple's fields, not their names.
    step = FrozenStep(*loaded.flow.levels[0].steps.steps[0])
    assert all(variable.dtype == tf.bfloat16 for variable in tf.nest.flatten(step.network))
    assert all(variable.dtype == tf.float32 for variable in tf.nest.flatten(step.forward))
    assert export.evaluation is None and export.bits_per_dim is None
    assert not (export.path / "assets.extra" / "evaluation.json").exists()


@pytest.mark.slow
def test_a_disk_that_is_full_publishes_nothing(smallest_run, base, capsys):
    with full_disk(20_000):
        sentence = complaint(capsys, f"--run_dir={smallest_run.path}", f"--export_dir={base}")
    assert sentence == f"Cannot publish in '{base}': File too large."
    assert os.listdir(base) == []


@pytest.fixture
def interruptible():
    """A terminal's Ctrl-C counts, also where a shell started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.slow
def test_an_export_that_is_stopped_publishes_nothing(
    smallest_run, base, capsys, monkeypatch, number
):
    def stopped(path, functions):
        # The version is half written.
        assert list(base.glob("*/saved_model.pb"))
        os.kill(os.getpid(), number)

    monkeypatch.setattr(saved_model, "write_warmup_requests", stopped)
    handler = signal.getsignal(signal.SIGTERM)
    status, out, err = command(capsys, f"--run_dir={smallest_run.path}", f"--export_dir={base}")
    assert (status, out, err) == (130, "", "error: interrupted; nothing was published\n")
    assert os.listdir(base) == []
    assert signal.getsignal(signal.SIGTERM) == handler


# Nothing to publish.


def test_a_run_folder_that_is_none(base, tmp_path, capsys):
    flags = [f"--run_dir={tmp_path / 'absent'}", f"--export_dir={base}"]
    assert complaint(capsys, *flags) == f"There is no run folder '{tmp_path / 'absent'}'."
    (tmp_path / "other").mkdir()
    flags[0] = f"--run_dir={tmp_path / 'other'}"
    sentence = f"'{tmp_path / 'other'}' is not a run folder: it has no config.json."
    assert complaint(capsys, *flags) == sentence
    assert not base.exists()


def test_a_run_without_a_checkpoint(base, tmp_path, capsys):
    run = RunFolder.create(tmp_path / "run", {"model": CONFIG.to_dict()})
    flags = [f"--run_dir={run.path}", f"--export_dir={base}"]
    assert complaint(capsys, *flags) == f"The run '{run.path}' has no saved checkpoint."
    sentence = f"The run '{run.path}' has no best checkpoint."
    assert complaint(capsys, *flags, "--checkpoint=best") == sentence
    assert not base.exists()


def test_a_run_without_an_average_needs_the_flag(base, tmp_path, capsys):
    run = make_run(tmp_path / "run", average=False)
    flags = [f"--run_dir={run.path}", f"--export_dir={base}"]
    assert "holds no moving average of the weights: --raw_weights" in complaint(capsys, *flags)
    assert not base.exists()


def test_a_damaged_checkpoint(base, run, tmp_path, capsys):
    copy = shutil.copytree(run.path, tmp_path / "copy")
    (data,) = (copy / "checkpoints").glob("*.data-*")
    damaged = bytearray(data.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    data.write_bytes(damaged)
    flags = [f"--run_dir={copy}", f"--export_dir={base}"]
    assert "is damaged or not of this model" in complaint(capsys, *flags, "--raw_weights")
    assert not base.exists()


@pytest.mark.slow
def test_a_model_that_diverged(base, tmp_path, capsys):
    glow = raw_glow()
    assign_step(glow.flow.steps[0], 0, "network/conv_2/b", np.nan)
    run = RunFolder.create(tmp_path / "run", {"model": CONFIG.to_dict()})
    run.save_glow(glow, step=1)
    flags = [f"--run_dir={run.path}", f"--export_dir={base}", "--raw_weights"]
    assert "level0_step0" in complaint(capsys, *flags)
    # Weights that are finite, and whose scales are not.
    assign_step(glow.flow.steps[0], 0, "network/conv_2/b", 1.0)
    assign_step(glow.flow.steps[0], 0, "network/conv_2/logs", 100.0)
    run.save_glow(glow, step=2)
    assert "level0_step0 is not finite" in complaint(capsys, *flags)
    # Scales that are finite, and whose results are not.
    assign_step(glow.flow.steps[0], 0, "network/conv_2/logs", 10.0)
    assign_step(glow.flow.steps[0], 0, "network/conv_last/logs", 28.0)
    run.save_glow(glow, step=3)
    assert "is not finite even for an input of zeros" in complaint(capsys, *flags)
    assert not base.exists()


def test_a_detector_that_does_not_belong_to_it(run, detector, base, tmp_path, capsys):
    flags = [f"--run_dir={run.path}", f"--export_dir={base}"]
    given = f"--detector={detector[1]}"
    assert complaint(capsys, *flags, given, "--raw_weights") == (
        f"{given} belongs to other weights than those that are exported, the raw ones of step 12: "
        "--raw_weights and --checkpoint choose others, or fit a detector with these."
    )
    assert complaint(capsys, *flags, given, "--format=litert") == (
        "--detector is for the signature `score`, which --format=litert does not hold: its files "
        "are encode and decode alone."
    )
    absent = tmp_path / "absent.json"
    sentence = f"Cannot read '{absent}': No such file or directory."
    assert complaint(capsys, *flags, f"--detector={absent}") == sentence
    assert "is no file of a detector" in complaint(
        capsys, *flags, f"--detector={run.path / 'config.json'}"
    )
    assert "--detector must be a local path" in complaint(
        capsys, *flags, "--detector=gs://bucket/detector.json"
    )
    assert not base.exists()


def test_an_export_folder_that_is_a_file(run, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    sentence = complaint(capsys, f"--run_dir={run.path}", f"--export_dir={tmp_path / 'file'}")
    assert sentence == (
        f"Cannot publish in '{tmp_path / 'file'}': '{tmp_path / 'file'}' is not a folder."
    )


def test_an_unknown_precision(run, base):
    with pytest.raises(ValueError, match="`precision` must be one of float32, mixed_bfloat16; got"):
        export_run(run.path, base, precision="float64")
