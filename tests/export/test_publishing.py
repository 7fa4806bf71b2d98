"""A version appears complete or not at all, whatever happens meanwhile."""

import concurrent.futures
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from export.publishing import UNFINISHED, check_base, publish, versions

ROOT = Path(__file__).resolve().parents[2]


def write_model(folder: Path) -> None:
    (folder / "saved_model.pb").write_bytes(b"a model")
    (folder / "variables").mkdir()
    (folder / "variables" / "variables.index").write_bytes(b"")


def names(base):
    return sorted(os.listdir(base))


def test_versions_count_up_from_one(tmp_path):
    base = tmp_path / "new" / "base"
    assert publish(write_model, base) == base / "1"
    assert publish(write_model, base) == base / "2"
    assert (base / "2" / "variables" / "variables.index").exists()
    assert names(base) == ["1", "2"]


def test_the_next_version_is_one_more_than_the_highest_and_other_names_do_not_count(tmp_path):
    for name in ("1", "0012", "v40", "50.old", "-60", ".unfinished-70", "٧"):
        (tmp_path / name).mkdir()
    (tmp_path / "9").write_text("a file")
    assert versions(tmp_path) == [1, 9, 12]
    assert publish(write_model, tmp_path) == tmp_path / "13"


def test_a_version_of_ones_own_is_refused_if_it_is_there(tmp_path):
    assert publish(write_model, tmp_path, version=20261125) == tmp_path / "20261125"
    (tmp_path / "7").mkdir()
    for version in (7, 20261125):
        with pytest.raises(ValueError, match=f"Version {version} is in .* already.*20261125"):
            publish(write_model, tmp_path, version=version)
    assert names(tmp_path) == ["20261125", "7"]
    assert publish(write_model, tmp_path, version=3) == tmp_path / "3"


@pytest.mark.parametrize("version", [-1, 2**63])
def test_a_version_that_no_server_reads_is_refused(tmp_path, version):
    with pytest.raises(ValueError, match=f"got {version}"):
        publish(write_model, tmp_path, version=version)


def test_nobody_sees_a_folder_before_it_is_complete(tmp_path):
    seen = []

    def write(folder):
        assert folder.parent == tmp_path  # The same file system, so that a rename is one step.
        seen.append(names(tmp_path))
        write_model(folder)
        seen.append(names(tmp_path))

    publish(write, tmp_path)
    for listing in seen:
        assert len(listing) == 1 and listing[0].startswith(UNFINISHED)
        assert versions(tmp_path) == [1]


def test_the_folder_has_the_rights_that_others_need_to_serve_it(tmp_path):
    mask = os.umask(0o022)
    try:
        published = publish(write_model, tmp_path)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(published.stat().st_mode) == 0o755


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt()])
def test_an_exception_leaves_nothing(tmp_path, error):
    def write(folder):
        write_model(folder)
        raise error

    with pytest.raises(type(error)):
        publish(write, tmp_path)
    assert names(tmp_path) == []
    assert publish(write_model, tmp_path) == tmp_path / "1"


def test_a_full_disk_leaves_nothing_and_is_one_sentence(tmp_path):
    def write(folder):
        write_model(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(ValueError, match=r"Cannot publish in .*: No space left on device\.$"):
        publish(write, tmp_path)
    assert names(tmp_path) == []


def test_a_killed_export_leaves_nothing_that_a_server_reads(tmp_path):
    script = (
        "import sys, time; from export.publishing import publish\n"
        "def write(folder):\n"
        "    (folder / 'saved_model.pb').write_bytes(b'half')\n"
        "    print('writing', flush=True)\n"
        "    time.sleep(60)\n"
        "publish(write, sys.argv[1])\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
    (left,) = names(tmp_path)
    assert left.startswith(UNFINISHED) and versions(tmp_path) == []

    # Another export leaves it alone as long as it might be alive, …
    assert publish(write_model, tmp_path) == tmp_path / "1"
    assert names(tmp_path) == [left, "1"]
    # … and removes it later.
    two_days_ago = time.time() - 2 * 24 * 60 * 60
    os.utime(tmp_path / left, (two_days_ago, two_days_ago))
    publish(write_model, tmp_path)
    assert names(tmp_path) == ["1", "2"]


def test_exports_at_the_same_time_get_versions_of_their_own(tmp_path):
    def export(index):
        def write(folder):
            write_model(folder)
            (folder / "index").write_text(str(index))

        return publish(write, tmp_path)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        published = list(pool.map(export, range(64)))
    assert sorted(int(path.name) for path in published) == list(range(1, 65))
    assert [(path / "index").read_text() for path in published] == [str(i) for i in range(64)]
    assert len(names(tmp_path)) == 64


def test_a_race_for_the_same_number_replaces_nothing(tmp_path):
    """The other export is renamed after this one has looked which versions are there."""

    def write(folder):
        write_model(folder)
        publish(lambda other: (other / "first").write_text(""), tmp_path, version=5)

    with pytest.raises(ValueError, match=r"Version 5 is in .* already"):
        publish(write, tmp_path, version=5)
    assert names(tmp_path / "5") == ["first"]
    assert names(tmp_path) == ["5"]


def test_a_base_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for base in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match=r"Cannot publish in .*file' is not a folder\.$"):
            check_base(base)


def test_a_base_that_is_not_writable_is_refused(tmp_path, monkeypatch):
    # Not by its mode: the tests may run as root, who may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(ValueError, match=r"Cannot publish in .*base': .* is not writable\.$"):
        check_base(tmp_path / "base")


def test_a_base_on_a_read_only_file_system_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"Cannot publish in '/proc/exports': .*\.$"):
        publish(write_model, "/proc/exports")
