"""Runs on a folder with files that cannot be read."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from tests.train.test_run import StopAfter, assert_same_checkpoint
from tfglow.datasets import SkippedImage
from tfglow.datasets.folder_files import FolderFiles
from tfglow.runs.run_folder import RunFolder
from train.evaluate import evaluate_run
from train.evaluate_config import EvaluateConfig
from train.run import train_and_evaluate
from train.skipped import read_skipped, write_skipped

BAD = {"3.png": b"", "cut.png": b"\x89PNG\r\n\x1a\n", "page.png": b"<html></html>"}


@pytest.fixture
def photos(tmp_path):
    """60 images, three of which are none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(60):
        level = np.random.default_rng(index).integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(level).save(folder / f"{index}.png")
    for name, content in BAD.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def config(tiny, photos):
    return dataclasses.replace(
        tiny, dataset="folder", data_dir=str(photos), bad_images="skip", epochs=1,
        epoch_images=96, checkpoint_every=2, sample_every=9, strategy="one_device",
    )  # fmt: skip


def test_by_default_all_are_named_and_no_run_begins(config, tmp_path):
    config = dataclasses.replace(config, bad_images="stop")
    assert type(config)().bad_images == "stop"
    with pytest.raises(
        ValueError, match=r"^In .* 3 of \d\d image files cannot be read: .*skip"
    ) as caught:
        train_and_evaluate(config, tmp_path / "run")
    assert all(f"'{name}'" in str(caught.value) for name in BAD) and not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_leaves_them_out_and_goes_on_bit_for_bit(config, photos, tmp_path, capsys):
    straight, stopped = RunFolder(tmp_path / "straight"), RunFolder(tmp_path / "stopped")
    with pytest.warns(UserWarning, match="left out"):
        train_and_evaluate(config, straight.path)
    out = capsys.readouterr().out
    assert f"Left out: 3 image files, listed in {straight.skipped_images_path}." in out
    lines = straight.skipped_images_path.read_text().splitlines()
    assert {json.loads(line)["file"] for line in lines} == set(BAD)
    with pytest.warns(UserWarning, match="left out"):
        assert not train_and_evaluate(config, stopped.path, StopAfter(4)).finished
    # Repaired meanwhile: the run's images stay what they were.
    for name in BAD:
        Image.new("L", (8, 8), 77).save(photos / name)
    capsys.readouterr()
    assert train_and_evaluate(config, stopped.path).finished
    assert "Left out: 3 image files" in capsys.readouterr().out
    assert_same_checkpoint(straight, stopped)
    # Evaluation, too, leaves out what the run left out; asked for other images, it looks at them.
    own, other = (
        evaluate_run(EvaluateConfig(stopped.path, split=split)) for split in (None, "train+test")
    )
    assert other["raw"]["num_images"] == 62
    bad = sum(name in FolderFiles.find(photos).names["test"] for name in BAD)
    assert own["raw"]["num_images"] == len(FolderFiles.find(photos).names["test"]) - bad


def test_the_list_is_read_back(tmp_path):
    run = RunFolder(tmp_path)
    assert read_skipped(run) is None
    write_skipped(run, [])
    assert read_skipped(run) == ()
    twice = [SkippedImage("a/\xe9.png", "it is empty.")] * 2
    write_skipped(run, twice)
    assert read_skipped(run) == ("a/\xe9.png",)
    run.skipped_images_path.write_text("half of a li")
    with pytest.raises(ValueError, match="is not a list of images"):
        read_skipped(run)
