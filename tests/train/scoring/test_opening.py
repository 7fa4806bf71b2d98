import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from tfglow.runs import RunFolder
from train.scoring.data_set import DataSet
from train.scoring.folder_set import FolderSet
from train.scoring.opening import Opener


def opener(run, **options):
    said = []
    return Opener(run, report=said.append, **options), said


@pytest.fixture(name="pets")
def _pets(tmp_path):
    """10 images to train on and 4 to test on, of two classes."""
    for split, count in (("train", 5), ("test", 2)):
        for kind in ("cat", "dog"):
            folder = tmp_path / "pets" / split / kind
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("L", (8, 8), number).save(folder / f"{number}.png")
    return tmp_path / "pets"


@pytest.fixture(name="run")
def _run(pets, tiny, tmp_path):
    model = dataclasses.replace(tiny.model, num_classes=2)
    config = dataclasses.replace(tiny, dataset="folder", data_dir=str(pets), model=model)
    return RunFolder.create(tmp_path / "run", config.to_dict())


def test_of_a_folder_all_is_read_and_of_the_runs_own_its_splits(run, pets):
    sets, _ = opener(run)
    everything, test, trained = sets.open(str(pets)), sets.own("test"), sets.trained_on()
    assert [s.num_images for s in (everything, test, trained)] == [14, 4, 10]
    assert everything.count_shared(trained) == 10
    assert test.count_shared(trained) == 0
    assert sets.open(str(pets), "test").count_shared(test) == 4
    assert list(everything.names) == sorted(everything.names)
    [batch] = test.batches(9)
    assert sorted(zip(batch.labels, batch.classes, strict=True)) == [
        ("test/cat", 0), ("test/cat", 0), ("test/dog", 1), ("test/dog", 1),
    ]  # fmt: skip


def test_what_a_run_left_out_is_left_out_of_its_splits(run, pets):
    line = json.dumps({"file": "test/cat/0.png", "reason": "it is empty."})
    run.skipped_images_path.write_text(f"{line}\n")
    sets, _ = opener(run)
    assert sets.own("test").num_images == 3
    assert sets.open(str(pets)).num_images == 14


def test_classes_are_known_by_their_names(run, pets, tmp_path):
    (pets / "train" / "cat").rename(tmp_path / "cat")
    Image.new("L", (8, 8)).save(tmp_path / "cat" / "x.png")
    run.write_config({**run.read_config(), "data_dir": str(tmp_path / "gone")})
    # Without the data the classes have numbers.
    sets, _ = opener(run, label="1")
    [batch] = sets.open(str(tmp_path / "cat")).batches(9)
    np.testing.assert_array_equal(batch.classes, [1] * 6)
    assert sets.trained_on() is None
    for label in ("cat", "2", "-1"):
        with pytest.raises(ValueError, match=f"--label={label} must be one of .*: 0, 1"):
            opener(run, label=label)


def test_a_data_set_of_other_classes_wants_one(run):
    with pytest.raises(ValueError, match=r"'digits' has not its classes \(cat, dog\): --label"):
        opener(run)[0].open("digits")
    [batch] = opener(run, label="dog")[0].open("digits", num_images=3).batches(9)
    np.testing.assert_array_equal(batch.classes, [1, 1, 1])
    assert batch.names == ["0", "1", "2"] and batch.images.shape == (3, 8, 8, 1)
    assert set(batch.labels) <= set("0123456789") and batch.sizes == [(8, 8)] * 3


def test_a_folder_called_like_the_embedded_data_set(run, pets, monkeypatch):
    sets, _ = opener(run, label="cat")
    monkeypatch.chdir(pets)
    assert isinstance(sets.open("digits"), DataSet)
    (pets / "train").rename(pets / "digits")
    with pytest.raises(ValueError, match="both an embedded data set and a folder here"):
        sets.open("digits")
    assert isinstance(sets.open("./digits"), FolderSet)


def test_masks_are_left_out_and_said_once(run, pets):
    (pets / "ground_truth").mkdir()
    Image.new("L", (8, 8)).save(pets / "ground_truth" / "1.png")
    sets, said = opener(run)
    assert sets.open(str(pets)).num_images == sets.open(str(pets)).num_images == 14
    assert said == [f"Not read in {str(pets)!r}, by their names: ground_truth (1 image)."]


def test_parts_of_a_data_set_that_are_shared(tiny, tmp_path):
    sets, _ = opener(RunFolder.create(tmp_path / "run", tiny.to_dict()))
    first, second = sets.open("digits", "test[:60%]"), sets.open("digits", "test[50%:]")
    assert first.count_shared(second) == second.count_shared(first) == 30
    assert first.count_shared(sets.trained_on()) == 0
