"""Starting a run from weights that are there."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.official_checkpoints import official_folder
from tests.random_glow import random_glow
from tfglow import official
from tfglow.pretrained import Pretrained, find_pretrained
from tfglow.runs import RunFolder
from tfglow.transfer import Transfer, transfer_weights
from train import main as command
from train.config import FINE_TUNING_WARMUP, TrainConfig
from train.data import TrainingBatches, init_batch
from train.evaluate import evaluate_run
from train.evaluate_config import EvaluateConfig
from train.fine_tuning import find_source, same_classes, sentence
from train.presets import PRESETS
from train.state import TrainState
from train.step import TrainStep
from train.strategies import make_strategy

TINY = PRESETS["tiny"]
# With another number of bits than the preset's.
ONE_LEVEL = dataclasses.replace(TINY.model, levels=1, num_bits=6)


@pytest.fixture(scope="module")
def source(one_epoch):
    """A conditional run of one epoch."""
    return RunFolder(one_epoch)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "glow.keras"
    random_glow(ONE_LEVEL).save(path)
    return path


def parse(*flags):
    return command.parse(list(flags))[0]


# What is trained.


@pytest.mark.slow
def test_what_is_not_given_is_the_sources(source, tmp_path):
    """With its data, all else is as it was, but for the warm-up."""
    run_dir = f"--run_dir={tmp_path / 'new'}"
    config = parse(f"--init_from={source.path}", run_dir, "--learning_rate=0.5")
    before = TrainConfig.from_dict(source.read_config())
    expected = dataclasses.replace(
        before,
        init_from=str(source.path),
        strategy="mirrored",
        learning_rate=0.5,
        warmup_steps=None,
    )
    assert config == expected
    assert parse(f"--init_from={source.path}", run_dir, "--warmup_steps=3").warmup_steps == 3


@pytest.mark.slow
def test_with_a_preset_the_model_is_the_sources_all_the_same(source, file, tmp_path):
    run_dir = f"--run_dir={tmp_path / 'new'}"
    config = parse(f"--init_from={source.path}", run_dir, "--preset=digits", "--num_bits=3")
    assert config.model == dataclasses.replace(source.model_config(), num_bits=3)
    assert config.epoch_images == PRESETS["digits"].epoch_images
    config = parse(f"--init_from={file}", run_dir, "--dataset=digits")
    assert config.model == ONE_LEVEL
    with pytest.raises(ValueError, match=r"does not say what it was trained on: give --dataset"):
        parse(f"--init_from={file}", run_dir)


def test_of_an_official_checkpoint_the_rest_is_given(tmp_path):
    folder = official_folder("additive_shuffle_conditional_5bit")
    flags = [f"--init_from={folder}", f"--run_dir={tmp_path / 'new'}", "--preset=cifar10"]
    config = parse(*flags, "--image_shape=16,16,3", "--num_bits=4", "--weight_y=0.02")
    model = config.model
    assert (model.levels, model.steps, model.width, model.num_classes) == (2, 3, 24, 10)
    assert (model.image_shape, model.num_bits, model.weight_y) == ((16, 16, 3), 4, 0.02)
    assert find_source(config).config.permutation == "shuffle"
    with pytest.raises(
        ValueError, match=r"num_bits, weight_y: give --image_shape=…, --num_bits=…, --we"
    ):
        parse(*flags)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"width": 16}, r"as its width is 8, not 16: leave --width out"),
        ({"image_shape": (8, 8, 3)}, r"channels of image_shape is 1, not 3: leave --image_shape"),
        (
            {"levels": 2, "coupling": "additive"},
            r"levels is 1, not 2; coupling is affine, not additive: leave --levels, --coupling out",
        ),
    ],
)
@pytest.mark.slow
def test_what_does_not_fit_is_refused_in_a_sentence(source, fields, said, tmp_path):
    flags = [f"--{name}={value}" for name, value in fields.items() if name != "image_shape"]
    if "image_shape" in fields:
        flags.append("--image_shape=8,8,3")
    with pytest.raises(SystemExit) as exit_info:
        command.main([f"--init_from={source.path}", f"--run_dir={tmp_path / 'new'}", *flags])
    text = str(exit_info.value.code)
    assert text.startswith(f"train/main.py: `init_from` = {str(source.path)!r} does not fit, ")
    assert said in text and "\n" not in text
    assert not (tmp_path / "new").exists()


def test_what_is_not_there_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match=r"There is no run folder, .keras file or checkpoint"):
        command.main(["--preset=tiny", "--init_from=nowhere", f"--run_dir={tmp_path / 'new'}"])
    assert not (tmp_path / "new").exists()


# Classes.


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ({}, {"dataset": "digits"}, True),
        ({"dataset": "digits"}, {"dataset": "digits"}, True),
        ({"dataset": "cifar10"}, {"dataset": "digits"}, False),
        ({"dataset": "cifar10", "data_dir": "a"}, {"dataset": "cifar10", "data_dir": "b"}, True),
        ({"dataset": "folder", "data_dir": "a"}, {"dataset": "folder", "data_dir": "b"}, False),
        ({"dataset": "folder", "data_dir": "a"}, {"dataset": "folder", "data_dir": "./a"}, True),
    ],
    ids=str,
)
def test_classes_are_those_of_the_data(before, now, same):
    source = Pretrained(TINY.model, "a model", lambda: None, before)
    assert same_classes(source, dataclasses.replace(TINY, **now)) is same


@pytest.mark.parametrize(
    ("num_classes", "new", "left", "said"),
    [
        (0, (), (), "1,234 weights taken."),
        (3, (), (), "1,234 weights taken, with those of its 3 classes."),
        (3, ("class embeddings",), (), "1,234 weights taken; new: class embeddings."),
        (
            3,
            ("class embeddings", "classifier"),
            ("top prior",),
            "1,234 weights taken; new: class embeddings, classifier; left out: top prior.",
        ),
    ],
)
def test_says_what_was_taken_and_what_is_new(num_classes, new, left, said):
    source = Pretrained(TINY.model, "the weights of 'x'", lambda: None)
    model = dataclasses.replace(TINY.model, num_classes=num_classes)
    text = sentence(source, Transfer(1234, new, left), model)
    assert text == f"Started from the weights of 'x': {said}"


# Runs.


def steps_from(glow, config, data, images, num_steps):
    """Bits per dimension before, and after each of the first steps from a model's weights."""
    strategy = make_strategy("one_device")
    state = TrainState(config, strategy)
    state.initialize_from(glow, same_classes=True)
    step = TrainStep(state, strategy, batch_size=config.batch_size)
    noise = np.random.default_rng(0).uniform(size=images.shape)

    @tf.function(autograph=False)
    def bits():
        return tf.reduce_mean(state.glow.bits_per_dim(images, noise=noise))

    found = [float(bits())]
    batches = TrainingBatches(config, data, strategy).starting_at(0)
    for batch in itertools.islice(batches, num_steps):
        step(batch)
        found.append(float(bits()))
    return np.array(found)


@pytest.mark.slow
def test_the_first_steps_do_not_undo_what_was_learned(digits, test_digits):
    """With the default warm-up; without one the first step of a fresh Adam does."""
    config = dataclasses.replace(
        TINY,
        model=dataclasses.replace(TINY.model, levels=1, width=16, num_bits=4),
        batch_size=64,
        optimizer="adam",
        learning_rate=3e-3,
        warmup_steps=20,
        beta_2=0.99,
        average_decay=0.0,
    ).resolved()
    images = next(iter(test_digits.batches(64, shuffle=False)))["image"]
    strategy = make_strategy("one_device")
    state = TrainState(config, strategy)
    state.initialize(init_batch(config, digits))
    step = TrainStep(state, strategy, batch_size=config.batch_size)
    for batch in itertools.islice(TrainingBatches(config, digits, strategy).starting_at(0), 200):
        step(batch)
    fresh = dataclasses.replace(
        config, init_from="a model", warmup_steps=None, beta_2=0.999
    ).resolved()
    assert fresh.warmup_steps == FINE_TUNING_WARMUP
    bits = steps_from(state.glow, fresh, digits, images, 20)
    assert bits.max() < 1.01 * bits[0]
    cold = steps_from(state.glow, dataclasses.replace(fresh, warmup_steps=0), digits, images, 3)
    assert cold.max() > 1.5 * cold[0]


def start(source, folder, *flags):
    """Ten steps that leave the weights as they were."""
    command.main(
        [
            f"--init_from={source}",
            f"--run_dir={folder}",
            "--epochs=1",
            "--sample_images=1",
            "--eval_images=16",  # A batch.
            "--learning_rate=1e-30",
            *flags,
        ]
    )
    return RunFolder(folder)


@pytest.mark.slow
def test_a_run_starts_from_the_weights_and_initialises_no_layer(source, tmp_path, capsys):
    flags = ["--num_bits=5", "--image_shape=16,8,1"]
    run = start(source.path, tmp_path / "new", *flags)
    output = capsys.readouterr().out
    begun = find_pretrained(source.path).origin
    assert f"Started from {begun}: " in output and "with those of its 10 classes" in output
    assert run.read_config()["init_from"] == str(source.path)
    before, after = source.load_glow(), run.load_glow()
    assert after.config == dataclasses.replace(before.config, num_bits=5, image_shape=(16, 8, 1))
    for mine, theirs in zip(after.weights, before.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy(), mine.name)
    # It is a run as any other: evaluated, and gone on with, by its folder alone or with the flag.
    assert evaluate_run(EvaluateConfig(run.path, images=16))["averaged"]["num_images"] == 16
    config = parse(f"--run_dir={run.path}")
    assert config == TrainConfig.from_dict(run.read_config())
    assert parse(f"--run_dir={run.path}", f"--init_from={source.path}") == config
    command.main([f"--run_dir={run.path}", f"--init_from={source.path}"])
    assert "--init_from counted when this run began" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"cannot change init_from .* came from there"):
        command.main([f"--run_dir={run.path}", f"--init_from={tmp_path}"])


@pytest.mark.slow
def test_other_classes_are_learned_anew(source, tmp_path, capsys):
    """Here none: what is taken is the rest, and what is left out is said."""
    flags = ["--num_classes=0", "--weight_y=0"]
    run = start(source.path, tmp_path / "new", *flags)
    assert "; left out: class embeddings, classifier." in capsys.readouterr().out
    before = source.load_glow().named_variables
    for name, variable in run.load_glow().named_variables.items():
        np.testing.assert_array_equal(variable.numpy(), before[name].numpy(), name)


def test_no_classes_of_an_official_checkpoint_that_has_some():
    """The weight 0 is the new run's: the checkpoint's classifier can be read all the same."""
    folder = official_folder("additive_shuffle_conditional_5bit")
    model = official.infer_config(str(folder), image_size=8, num_bits=5, weight_y=0.01)
    model = dataclasses.replace(model, num_classes=0, weight_y=0.0)
    source = find_source(TrainConfig(model=model, init_from=str(folder)))
    transfer = transfer_weights(source.load(), tfglow.Glow(model))
    assert (transfer.new, transfer.left) == ((), ("class embeddings", "classifier"))


@pytest.mark.slow
def test_from_a_keras_file(file, tmp_path, capsys):
    run = start(file, tmp_path / "new", "--preset=tiny", "--average_decay=0")
    assert f"Started from the weights of {str(file)!r}: " in capsys.readouterr().out
    before = tfglow.load_glow(file)
    for mine, theirs in zip(run.load_glow("raw").weights, before.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy(), mine.name)
