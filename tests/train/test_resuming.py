"""What a run that goes on may change, and what it keeps."""

import dataclasses
import shlex
import shutil

import pytest

from tfglow import GlowConfig, fields
from tfglow.runs import RunFolder
from train import main as command
from train.config import TrainConfig
from train.presets import PRESETS
from train.resuming import find_changes, forget_best
from train.run import train_and_evaluate
from train.state import TrainState

# Other values of the fields for which none can be made of the type and the bounds.
OTHER = {
    "image_shape": (16, 16, 1),
    "weight_y": 0.25,
    "sample_temperatures": (0.5, 1.0),
}


def other_value(own, value):
    """A value of a field that is allowed, and another than `value`."""
    if own.name in OTHER:
        return OTHER[own.name]
    if own.choices:
        return next(choice for choice in own.choices if choice != value)
    kinds = str(own.kind)
    if "bool" in kinds:
        return not value
    if "int" in kinds:
        value = value or 1
        return value + 1 if own.high is None or value < own.high else value - 1
    if "float" in kinds:
        return 0.5 if value != 0.5 else 0.25
    return f"{value}_other"


def all_fields():
    return [
        pytest.param(cls, name, id=name)
        for cls in (GlowConfig, TrainConfig)
        for name in fields.fields(cls)
        if name != "model"
    ]


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """The folder of a run with a classifier that has not taken a step, and its configuration."""
    tiny = PRESETS["tiny"]
    model = dataclasses.replace(tiny.model, num_classes=10, weight_y=0.5)
    config = dataclasses.replace(tiny, model=model).resolved()
    folder = tmp_path_factory.mktemp("started") / "run"
    RunFolder.create(folder, config.to_dict())
    return folder, config


@pytest.mark.parametrize(("cls", "name"), all_fields())
def test_every_field_changes_or_says_why_not(started, cls, name):
    folder, config = started
    own = fields.fields(cls)[name]
    owner = config.model if cls is GlowConfig else config
    before = getattr(owner, name)
    now = other_value(own, before)
    changed = dataclasses.replace(owner, **{name: now})
    if cls is GlowConfig:
        changed = dataclasses.replace(config, model=changed)
    reason = own.keeps(before, now)
    if not reason:
        _, [change] = find_changes(changed, folder)
        assert (change.name, change.before, change.now) == (name, before, now)
        return
    with pytest.raises(ValueError) as error:
        find_changes(changed, folder)
    text = str(error.value)
    assert f"cannot change {name} " in text and " → " in text and f"({reason})" in text
    assert text.count("\n") == 0 and text.endswith("or give another `run_dir`.")


def fixed(cls):
    """Names of the fields that no run may change to any other value."""
    return {n for n, own in fields.fields(cls).items() if isinstance(own.fixed, str) and own.fixed}


def test_what_is_fixed_is_what_weights_and_counts_mean():
    assert fixed(GlowConfig) == {
        "image_shape",
        "levels",
        "steps",
        "width",
        "coupling",
        "permutation",
        "parameterization",
        "learn_top",
        "num_classes",
        "num_bits",
    }
    assert fixed(TrainConfig) >= {
        "dataset",
        "train_split",
        "resize",
        "batch_size",
        "epoch_images",
        "optimizer",
    }
    free = {"learning_rate", "warmup_steps", "clip_norm", "epochs", "data_dir", "strategy"}
    free |= {"eval_every", "eval_images", "sample_images", "log_every", "checkpoint_every"}
    assert not fixed(TrainConfig) & free


@pytest.mark.parametrize(
    ("name", "before", "now", "free"),
    [
        ("weight_y", 0.5, 0.25, True),
        ("weight_y", 0.5, 0.0, False),
        ("weight_y", 0.0, 0.5, False),
        ("precision", "float32", "mixed_bfloat16", True),
        ("precision", "mixed_bfloat16", "float32", True),
        ("precision", "float32", "float64", False),
        ("precision", "float64", "mixed_bfloat16", False),
    ],
)
def test_some_fields_may_change_between_some_values(name, before, now, free):
    assert (fields.fields(GlowConfig)[name].keeps(before, now) == "") is free


def test_what_cannot_change_is_said_before_the_data_are_read(started, monkeypatch):
    folder, config = started
    monkeypatch.setattr("train.plan.load_splits", lambda *_: pytest.fail("The data are read."))
    changed = dataclasses.replace(config, dataset="cifar10", batch_size=32)
    with pytest.raises(ValueError, match=r"cannot change dataset digits → cifar10 .*, batch_size"):
        train_and_evaluate(changed, folder)


def test_all_refusals_are_in_one_sentence(started):
    folder, config = started
    model = dataclasses.replace(config.model, width=9)
    changed = dataclasses.replace(config, model=model, batch_size=32, learning_rate=2e-3)
    with pytest.raises(ValueError) as error:
        find_changes(changed, folder)
    assert str(error.value) == (
        f"The run {str(folder)!r} cannot change width 8 → 9 (its weights are made for it), "
        "batch_size 16 → 32 (its steps and epochs so far are counted in it): leave this out to "
        "go on, or give another `run_dir`."
    )


def test_the_run_folder_alone_says_what_is_trained(started):
    """No preset's value takes the place of one of the run's."""
    folder, config = started
    assert command.parse([f"--run_dir={folder}"]) == (config, str(folder))
    flags = [f"--run_dir={folder}", "--clip_norm=3", "--epochs=7", "--warmup_steps=9"]
    expected = dataclasses.replace(config, clip_norm=3.0, epochs=7, warmup_steps=9)
    assert command.parse(flags)[0] == expected
    # A preset that is given is given.
    model = dataclasses.replace(PRESETS["tiny"].model, num_classes=10, weight_y=0.5)
    again, _ = command.parse(
        ["--preset=tiny", "--num_classes=10", "--weight_y=0.5", f"--run_dir={folder}"]
    )
    assert again == dataclasses.replace(PRESETS["tiny"], model=model)


def test_the_best_is_forgotten_where_the_evaluation_is_another(started, tmp_path, one_device):
    folder, config = started
    run = RunFolder(shutil.copytree(folder, tmp_path / "run"))
    state = TrainState(config, one_device)
    for line, step, best in (
        ({"step": 5, "learning_rate": [1.0, 2.0]}, 5, 3.0),
        ({"step": 5, "eval_images": [40, None]}, 8, 3.0),
        ({"step": 5, "eval_images": [40, None]}, 5, float("inf")),
        ({"step": 5, "eval_split": ["test", "train"]}, 5, float("inf")),
    ):
        run.config_changes_path.unlink(missing_ok=True)
        run.append_change(line)
        state.step.assign(step)
        state.best.assign(3.0)
        forget_best(run, state)
        assert float(state.best) == best


@pytest.mark.slow
def test_a_finished_run_goes_on_with_more_epochs_and_says_what_changed(one_epoch, tmp_path, capsys):
    run = RunFolder(shutil.copytree(one_epoch, tmp_path / "run"))
    before = run.read_config()
    flags = ["--epochs=2", "--learning_rate=0.0005", "--sample_images=1", "--eval_images=16"]
    command.main([f"--run_dir={run.path}", *flags])
    output = capsys.readouterr().out
    changes = "learning_rate 0.001 → 0.0005"
    assert "Resumed at step 10 of 20" in output and changes in output
    assert "Finished at step 20" in output
    after = run.read_config()
    changed = {"epochs": 2, "learning_rate": 0.0005, "sample_images": 1, "eval_images": 16}
    assert after == {**before, **changed}
    [line] = run.config_changes()
    assert line.pop("time").endswith("+00:00")
    assert line == {"step": 10, **{name: [before[name], v] for name, v in changed.items()}}
    assert [values["step"] for values in run.metrics()] == [10, 20]
    command.main([f"--run_dir={run.path}", "--epochs=1"])
    output = capsys.readouterr().out
    assert "The run has taken 20 steps already, and `epochs` = 1 asks for 10" in output
    assert "Resumed" not in output and len(run.metrics()) == 2


def go_on(error):
    """The command line in the last words of a run that diverged, without the program."""
    text = str(error.code)
    words = shlex.split(text[text.index("python train/main.py") : text.index(" (a longer")])
    return words[2:]


@pytest.mark.slow
def test_a_run_that_diverged_goes_on_by_the_command_that_it_says(tmp_path, capsys):
    run = RunFolder(tmp_path / "run's folder")
    flags = ["--learning_rate=1.5", "--warmup_steps=0", "--max_skipped_steps=2", "--epochs=1"]
    flags += ["--checkpoint_every=1", "--eval_images=16", "--sample_images=1"]
    with pytest.raises(SystemExit) as exit_info:
        command.main(["--preset=tiny", f"--run_dir={run.path}", *flags])
    assert "it goes on from the beginning" in str(exit_info.value.code)
    arguments = go_on(exit_info.value)
    assert arguments == [f"--run_dir={run.path}", "--learning_rate=0.75"]
    command.main(arguments)
    assert "Finished at step 10" in capsys.readouterr().out
    assert run.read_config()["learning_rate"] == 0.75
    [line] = run.config_changes()
    assert (line["step"], line["learning_rate"]) == (0, [1.5, 0.75])
