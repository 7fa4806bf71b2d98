import os
import stat

import pytest

from tests.killed_in_replace import killed_in_replace
from tfglow.whole_files import remove_unfinished, replace_file
from tfglow.writing import UnwritableFile


def test_writes_text_and_bytes(tmp_path):
    replace_file(tmp_path / "a.txt", "µ")
    assert (tmp_path / "a.txt").read_bytes() == "µ".encode()
    replace_file(tmp_path / "a.txt", b"\x00\x01")
    assert (tmp_path / "a.txt").read_bytes() == b"\x00\x01"


def test_is_as_readable_as_any_other_file(tmp_path):
    (tmp_path / "plain").write_text("x")
    replace_file(tmp_path / "replaced", "x")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "replaced")]
    assert modes[0] == modes[1]


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    replace_file(tmp_path / "a.txt", "old")

    def fail(handle):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UnwritableFile, match=r"^Cannot write '.*a\.txt': disk full\.$"):
        replace_file(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_what_a_kill_leaves_is_removed_and_nothing_else(tmp_path, monkeypatch):
    others = ["a.txt", ".a.txt.swp", ".b", "b.unfinished", ".gitignore"]
    for name in others:
        (tmp_path / name).write_text("mine")
    for name in ("a.txt", "a.txt", "b.txt"):
        killed_in_replace(monkeypatch, lambda name=name: replace_file(tmp_path / name, "half"))
    assert len(os.listdir(tmp_path)) == len(others) + 3
    remove_unfinished(tmp_path, "a.txt")
    (left,) = set(os.listdir(tmp_path)) - set(others)
    assert left.startswith(".b.txt.")
    remove_unfinished(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(others)
    remove_unfinished(tmp_path / "nowhere")
