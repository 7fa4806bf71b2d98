import json

import pytest
import tensorflow as tf

import tfglow
from tfglow.runs.run_folder import RunFolder
from train import evaluate as command
from train.evaluate import evaluate_run
from train.evaluate_config import EvaluateConfig
from train.presets import PRESETS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(one_epoch):
    return RunFolder(one_epoch)


def failure(*arguments):
    with pytest.raises(SystemExit) as exit_info:
        command.main(list(arguments))
    return str(exit_info.value.code)


def test_agrees_with_the_run(run):
    """The same images and noise as at the end of the epoch."""
    result = evaluate_run(EvaluateConfig(run.path, images=40, strategy="one_device"))
    [line] = run.metrics()
    assert result["step"] == 10
    assert result["averaged"]["bits_per_dim"] == pytest.approx(line["eval_bits_per_dim"], abs=1e-5)
    assert result["raw"]["bits_per_dim"] == pytest.approx(line["eval_bits_per_dim_raw"], abs=1e-5)
    assert result["averaged"]["accuracy"] == pytest.approx(line["eval_accuracy"], abs=1e-6)


def test_several_draws_give_a_tighter_bound_and_standard_errors(run):
    values = evaluate_run(EvaluateConfig(run.path, draws=4, checkpoint="latest"))["averaged"]
    assert (values["num_images"], values["num_draws"]) == (297, 4)
    assert values["bits_per_dim_importance"] < values["bits_per_dim"]
    assert 0 < values["standard_error"] < 0.1


def test_prints_a_table_and_writes_json(run, tmp_path, capsys):
    path = tmp_path / "result.json"
    command.main(
        [f"--run_dir={run.path}", "--images=20", "--split=train", "--draws=2", f"--json={path}"]
    )
    output = capsys.readouterr().out
    result = json.loads(path.read_text())
    assert "split train: 20 images, 2 noise draws" in output
    for weights in ("raw", "averaged"):
        assert f"{result[weights]['bits_per_dim']:.4f} ± " in output
    assert "accuracy" in output


def test_a_run_that_was_not_trained_here(tmp_path):
    """Such as an imported official checkpoint: a model, no data set, no average."""
    config = tfglow.GlowConfig(image_shape=(8, 8, 1), levels=1, steps=1, width=4)
    run = RunFolder.create(tmp_path / "imported", {"model": config.to_dict()})
    run.save_glow(tfglow.Glow(config))
    with pytest.raises(ValueError, match="names no data set: give `dataset`"):
        evaluate_run(EvaluateConfig(run.path))
    result = evaluate_run(EvaluateConfig(run.path, images=5), dataset="digits", batch_size=5)
    assert set(result) == {"checkpoint", "step", "dataset", "split", "raw"}


def test_folders_of_another_data_set_are_not_the_runs(tmp_path):
    config = {**PRESETS["tiny"].to_dict(), "dataset": "folder", "test_folder": "holdout"}
    run = RunFolder.create(tmp_path / "run", {**config, "data_dir": str(tmp_path)})
    assert command._run_config(run, {"data_dir": "moved"}).test_folder == "holdout"
    assert command._run_config(run, {"test_folder": "other"}).test_folder == "other"
    assert command._run_config(run, {"dataset": "digits"}).test_folder is None


def test_bad_input_is_one_sentence(run, tmp_path):
    here = f"--run_dir={run.path}"
    assert "There is no run folder" in failure(f"--run_dir={tmp_path / 'x'}")
    assert "has no config.json" in failure(f"--run_dir={tmp_path}")
    assert "Unknown split 'x'" in failure(here, "--split=x")
    assert "`checkpoint` must be one of best, latest or None; got 'x'" in failure(
        here, "--checkpoint=x"
    )
    assert "`draws` must be an integer >= 1, got 0" in failure(here, "--draws=0")
    assert "`images` must be an integer >= 1 or None, got -1." in failure(here, "--images=-1")
    assert "`batch_size` must be an integer >= 1, got 0" in failure(here, "--batch_size=0")
    assert "`strategy` must be one of mirrored" in failure(here, "--strategy=x")
    assert "Unknown data set 'cifra10'" in failure(here, "--dataset=cifra10")


def test_a_place_for_the_result_is_checked_before_the_work(tmp_path):
    absent = f"--run_dir={tmp_path / 'absent'}"
    assert "got the URL 'gs://b/x.json'" in failure(absent, "--json=gs://b/x.json")
    assert "must be no folder" in failure(absent, f"--json={tmp_path}")
    assert "does not exist" in failure(absent, f"--json={tmp_path / 'no' / 'x.json'}")


def test_a_damaged_checkpoint_is_named(run, tmp_path):
    damaged = RunFolder.create(tmp_path / "damaged", run.read_config())
    damaged.save_glow(tfglow.Glow(run.model_config()))
    data = damaged.checkpoint_dir / "ckpt-0.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-10])
    assert "ckpt-0' is damaged" in failure(f"--run_dir={damaged.path}")


def test_the_model_of_a_run_samples(run):
    images = run.load_glow().sample(3, 0.7, labels=[0, 1, 2], seed=0)
    assert images.dtype == tf.uint8
    assert images.shape == [3, 8, 8, 1]
