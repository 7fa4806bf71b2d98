import os
import pathlib
import tempfile

import pytest

from tests.forked import Forked
from tests.full_disk import full_disk
from tfglow.datasets import embedded
from tfglow.datasets.embedded import user_cache
from tfglow.datasets.tfds_builders import find_builder
from tfglow.writing import UnwritableFile


def test_preparing_is_silent_and_leaves_only_the_data_set(tmp_path, capfd):
    embedded.prepare("digits", tmp_path)
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]


def test_prepared_files_are_used_again(tmp_path):
    before = files_with_times(embedded.prepare("digits", tmp_path))
    assert files_with_times(embedded.prepare("digits", tmp_path)) == before


def files_with_times(builder):
    return {path: path.stat().st_mtime_ns for path in pathlib.Path(builder.data_dir).iterdir()}


def test_names_are_those_that_tfds_finds(tmp_path):
    for name in embedded.NAMES:
        assert embedded.prepare(name, tmp_path).name == name
        assert find_builder(name, tmp_path).is_prepared()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(embedded.NAMES)


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
    builder = embedded.prepare("digits", blocked / "data")
    assert builder.is_prepared()
    assert not pathlib.Path(builder.data_dir).is_relative_to(tmp_path)
    assert embedded.prepare("digits", blocked / "data").data_dir == builder.data_dir


def test_no_room_anywhere_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(embedded, "_temporary_place", lambda: tmp_path / "temporary")
    with full_disk(1000), pytest.raises(UnwritableFile) as caught:
        embedded.prepare("digits", tmp_path / "data")
    assert str(caught.value) == f"Cannot write {tempfile.gettempdir()!r}: File too large."
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_processes_may_prepare_at_once(tmp_path):
    """Two processes, started together, both end with a readable data set and leave no litter."""
    place = tmp_path / "place"
    script = tmp_path / "prepare.py"
    script.write_text(
        "import os, sys, time\n"
        "from tfglow.datasets import embedded\n"
        "print('ready', flush=True)\n"
        "while not os.path.exists('go'):\n"
        "    time.sleep(0.001)\n"
        "builder = embedded.prepare('digits', sys.argv[1])\n"
        "print(builder.info.splits['train'].num_examples, builder.data_dir)\n"
    )
    processes = [Forked(script, str(place), cwd=tmp_path) for _ in range(2)]
    with processes[0], processes[1]:
        assert [process.first_line() for process in processes] == ["ready"] * 2
        (tmp_path / "go").touch()
        answers = [process.communicate(timeout=300)[0] for process in processes]
    assert answers == [f"ready\n1500 {place}/digits/1.0.0\n"] * 2
    assert [path.name for path in place.iterdir()] == ["digits"]


def test_a_folder_that_another_process_puts_there_first_is_used(tmp_path, monkeypatch):
    other = embedded.prepare("digits", tmp_path / "other")
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
    builder = embedded.prepare("digits", place)
    assert renamed == [place / "digits" / "1.0.0"]
    assert pathlib.Path(builder.data_dir) == renamed[0]
    assert builder.info.splits["test"].num_examples == 297
