import dataclasses
import re
import types
from pathlib import Path

import pytest

from tfglow import GlowConfig
from tfglow.runs import RunFolder
from train.announcement import announcement, first_step_note
from train.data_defaults import data_defaults
from train.presets import PRESETS


def split(images, name="train", classes=(), skipped=()):
    """What the announcement looks at of a split."""
    return types.SimpleNamespace(
        num_images=images,
        split=name,
        class_names=classes,
        num_classes=len(classes),
        skipped=skipped,
        num_batches=lambda size: images // size,
    )


def lines(config, strategy, train=None, evaluation=None):
    """The lines by their first word."""
    train = train or split(1800, "train[:90%]")
    text = announcement(
        config.resolved(),
        RunFolder(Path("runs/new")),
        train,
        evaluation or split(200, "train[90%:]"),
        strategy,
        1_234_567,
    )
    pairs = [line.split(maxsplit=1) for line in text.splitlines()]
    assert [name for name, _ in pairs] == [
        "Data",
        "Model",
        "Steps",
        "Memory",
        "Devices",
        "Results",
    ]
    return dict(pairs)


@pytest.fixture(scope="module")
def photographs():
    config = data_defaults((64, 64, 3), 1800)
    return dataclasses.replace(config, dataset="folder", data_dir="/photos")


def test_says_what_will_be_trained(photographs, one_device):
    said = lines(photographs, one_device)
    assert said["Data"] == (
        "folder in /photos: 1,800 images to train on (train[:90%]), 200 to evaluate on "
        "(train[90%:]); no classes; other sizes are brought to the model's by center_crop"
    )
    assert said["Model"] == (
        "images 64x64x3 of 8 bits, 4 levels of 16 steps, width 128, affine coupling, "
        "invertible_1x1_conv (lu), 1,234,567 parameters"
    )
    assert said["Steps"] == (
        "11,475 = 17 epochs of 675, 16 images a step; adam, learning rate 0.001 after 1,147 steps; "
        "initialised on 64 images"
    )
    assert said["Memory"].startswith("about ") and " GiB (" in said["Memory"]
    assert said["Devices"].endswith("(mirrored), float32, not compiled by XLA")
    assert said["Results"] == (
        "runs/new: samples/ and curves.png every epoch; tensorboard --logdir=runs/new"
    )


def test_says_how_replicas_share_a_batch(photographs, two_replicas):
    config = dataclasses.replace(photographs, strategy="cpu_mirrored", jit_compile=True)
    said = lines(config, two_replicas)
    assert "16 images a step, 8 a replica" in said["Steps"]
    assert said["Devices"] == "CPU:0, CPU:1 (cpu_mirrored), float32, compiled by XLA"
    model = dataclasses.replace(photographs.model, scan_steps=True)
    said = lines(dataclasses.replace(config, model=model), two_replicas)
    assert said["Devices"].endswith("compiled by XLA, a level's steps as a loop")


@pytest.mark.parametrize(
    "steps, scan_steps, compiled, expected",
    [
        (8, False, False, "The first step is traced, which takes longer than the steps after it."),
        (8, False, True, r"compiled by XLA.*: a level's 8 flow steps .*With --scan_steps XLA "),
        (8, True, True, "compiled by XLA, which takes longer than those after it\\.$"),
        (1, False, True, "compiled by XLA, which takes longer than those after it\\.$"),
    ],
)
def test_says_what_makes_the_first_step_shorter(steps, scan_steps, compiled, expected):
    model = GlowConfig(steps=steps, scan_steps=scan_steps)
    assert re.search(expected, first_step_note(model, compiled))


def test_says_what_happens_to_files_and_classes(photographs, one_device):
    data = split(1800, classes=("cat", "dog", "emu", "fox", "gnu", "hen"), skipped=("a", "b"))
    said = lines(photographs, one_device, data)
    assert (
        "6 classes (cat, dog, emu, fox, gnu, ...), which the model does not use: --num_classes=6 "
        "would; 2 files skipped"
    ) in said["Data"]
    model = dataclasses.replace(photographs.model, num_classes=6)
    said = lines(dataclasses.replace(photographs, model=model, flip=True), one_device, data)
    assert "6 classes (cat, dog, emu, fox, gnu, ...); 2 files" in said["Data"]
    assert said["Data"].endswith("center_crop, mirrored at random")
    assert "conditional on 6 classes" in said["Model"]


def test_does_not_promise_more_images_than_there_are(photographs, one_device):
    said = lines(photographs, one_device, split(20))
    assert "initialised on 20 images" in said["Steps"]


def test_says_how_often_there_are_samples(photographs, one_device):
    said = lines(dataclasses.replace(photographs, sample_every=10), one_device)
    assert said["Results"].startswith("runs/new: samples/ every 10 epochs, curves.png every epoch;")


def test_says_where_the_weights_come_from(photographs, one_device):
    said = lines(dataclasses.replace(photographs, init_from="runs/faces"), one_device, split(200))
    assert said["Steps"].endswith(" steps; started from runs/faces")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_announced_in_lines_of_some_width(name, one_device):
    said = lines(PRESETS[name], one_device, split(100_000, "train"), split(10_000, "test"))
    assert max(map(len, said.values())) < 230
