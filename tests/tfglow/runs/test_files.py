import os
import stat

import pytest

from tfglow.runs.files import replace_file


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
    with pytest.raises(OSError, match="disk full"):
        replace_file(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]
