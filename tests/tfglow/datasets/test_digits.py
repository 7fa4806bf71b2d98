import importlib
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.full_disk import full_disk
from tfglow.datasets import digits
from tfglow.datasets.digits import make_digits
from tfglow.datasets.digits.digits import grey_to_uint8
from tfglow.datasets.digits.prepare import user_cache
from tfglow.writing import UnwritableFile

SPLITS = ("train", "test")


def read(builder, split):
    records = list(tfds.as_numpy(builder.as_dataset(split=split)))
    images = np.stack([record["image"] for record in records])
    labels = np.array([record["label"] for record in records])
    return images, labels


def test_splits_are_fixed_and_hold_every_class_in_proportion(tmp_path):
    builder = digits.prepare(tmp_path)
    for split, size, smallest, largest in (("train", 1500, 145, 153), ("test", 297, 29, 30)):
        images, labels = read(builder, split)
        assert images.shape == (size, 8, 8, 1)
        assert images.dtype == np.uint8
        counts = np.bincount(labels, minlength=10)
        assert (counts.min(), counts.max()) == (smallest, largest)


def test_images_are_those_of_scikit_learn(tmp_path):
    sklearn_datasets = pytest.importorskip(
        "sklearn.datasets", reason="scikit-learn, where the digits were taken from, is not here."
    )
    published = sklearn_datasets.load_digits()
    builder = digits.prepare(tmp_path)
    splits = [read(builder, split) for split in SPLITS]
    images, labels = (np.concatenate(parts) for parts in zip(*splits, strict=True))
    ours = sorted((image.tobytes(), label) for image, label in zip(images, labels, strict=True))
    levels = grey_to_uint8(published.images)
    theirs = sorted(
        (image.tobytes(), label) for image, label in zip(levels, published.target, strict=True)
    )
    assert ours == theirs


def test_the_file_is_what_the_script_makes():
    pytest.importorskip("sklearn", reason="scikit-learn, which the script reads, is not here.")
    with np.load(pathlib.Path(make_digits.__file__).with_name("digits.npz")) as shipped:
        made = make_digits.arrays()
        assert sorted(shipped) == sorted(made)
        for name, array in made.items():
            np.testing.assert_array_equal(shipped[name], array, strict=True)


def test_levels_are_bin_edges_of_four_bits():
    levels = grey_to_uint8(np.arange(17, dtype=np.uint8))
    assert levels.dtype == np.uint8
    assert len(set(levels.tolist())) == 17
    np.testing.assert_array_equal(levels >> 4, [*range(16), 15])


def test_preparing_is_silent_and_leaves_only_the_data_set(tmp_path, capfd):
    digits.prepare(tmp_path)
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]


def test_prepared_files_are_used_again(tmp_path):
    before = files_with_times(digits.prepare(tmp_path))
    assert files_with_times(digits.prepare(tmp_path)) == before


def files_with_times(builder):
    return {path: path.stat().st_mtime_ns for path in pathlib.Path(builder.data_dir).iterdir()}


@pytest.mark.parametrize("variable", ["/some/where", "relative", None])
def test_the_cache_follows_the_xdg_specification(monkeypatch, variable):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if variable:
        monkeypatch.setenv("XDG_CACHE_HOME", variable)
    expected = "/some/where" if variable == "/some/where" else "/home/somebody/.cache"
    assert user_cache() == pathlib.Path(expected) / "tfglow"


def test_where_nothing_can_be_written_a_temporary_folder_serves(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")  # even root cannot make a folder below a file
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked / "cache"))
    builder = digits.prepare(blocked / "data")
    assert builder.is_prepared()
    assert not pathlib.Path(builder.data_dir).is_relative_to(tmp_path)
    assert digits.prepare(blocked / "data").data_dir == builder.data_dir


def test_no_room_anywhere_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    module = importlib.import_module("tfglow.datasets.digits.prepare")
    monkeypatch.setattr(module, "_temporary_place", lambda: tmp_path / "temporary")
    with full_disk(1000), pytest.raises(UnwritableFile) as caught:
        digits.prepare(tmp_path / "data")
    assert str(caught.value) == f"Cannot write {tempfile.gettempdir()!r}: File too large."
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_processes_may_prepare_at_once(tmp_path):
    """Two processes, started together, both end with a readable data set and leave no litter."""
    place = tmp_path / "place"
    code = (
        "import sys\n"
        "from tfglow.datasets import digits\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "builder = digits.prepare(sys.argv[1])\n"
        "print(builder.info.splits['train'].num_examples, builder.data_dir)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(2)
    ]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=300)[0] for process in processes]
    assert answers == [f"1500 {place}/digits/1.0.0\n"] * 2
    assert [path.name for path in place.iterdir()] == ["digits"]


def test_a_folder_that_another_process_puts_there_first_is_used(tmp_path, monkeypatch):
    other = digits.prepare(tmp_path / "other")
    place = tmp_path / "place"
    renamed = []

    def rename(self, target):
        if not renamed:
            renamed.append(target)
            target.mkdir()
            for path in pathlib.Path(other.data_dir).iterdir():
                (target / path.name).write_bytes(path.read_bytes())
        os.rename(self, target)

    monkeypatch.setattr(pathlib.PosixPath, "rename", rename)
    builder = digits.prepare(place)
    assert renamed == [place / "digits" / "1.0.0"]
    assert pathlib.Path(builder.data_dir) == renamed[0]
    assert read(builder, "test")[0].shape == (297, 8, 8, 1)
