"""A version appears complete or not at all, whatever happens meanwhile."""

import concurrent.futures
import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from export.publishing import check_base, publish, versions
from tfglow.runs import unfinished
from tfglow.runs.unfinished import UNFINISHED

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


@pytest.mark.parametrize("version", [-1, 2**63, 10**30, True, 7.0, "7", "٧"])
def test_a_version_that_no_server_reads_is_refused(tmp_path, version):
    with pytest.raises(ValueError, match=rf"from 0 to 2⁶³ − 1, got {version!r}\."):
        publish(write_model, tmp_path, version=version)
    assert names(tmp_path) == []


@pytest.mark.parametrize("version", [0, 2**63 - 1, np.int64(7), np.uint64(2**63 - 1)])
def test_a_version_is_a_plain_number_whatever_integer_was_given(tmp_path, version):
    assert publish(write_model, tmp_path, version=version) == tmp_path / str(int(version))
    assert versions(tmp_path) == [version]


# A folder that is there, and the version that it is for TF Serving: C++ reads its name.
READ_AS = {
    "7": 7, "007": 7, "0": 0, "+7": 7, " 7": 7, "7 ": 7, "\t7\n": 7,
    "9223372036854775806": 2**63 - 2, "0009223372036854775806": 2**63 - 2,
    # None at all, for any server.
    "9223372036854775808": None, "18446744073709551616": None, "9" * 200: None,
    "-7": None, "- 7": None, "7.0": None, "7e1": None, "0x7": None, "1_0": None, "7 8": None,
    "٧": None, "７": None, "²": None, "7\u00a0": None, ".7": None, "7~": None, "+": None,
}  # fmt: skip


@pytest.mark.parametrize("name", READ_AS)
def test_what_is_published_is_the_newest_that_a_server_reads(tmp_path, name):
    (tmp_path / name).mkdir()
    number = READ_AS[name]
    assert versions(tmp_path) == ([] if number is None else [number])
    said = []
    published = publish(write_model, tmp_path, report=said.append)
    assert published == tmp_path / str(1 if number is None else number + 1)
    assert (said != []) == (name.isascii() and name.isdigit() and number is None)
    if number is not None:  # The same version a second time, of which a server reads one.
        with pytest.raises(ValueError, match=f"Version {number} is in .* already"):
            check_base(tmp_path, number)


@pytest.mark.parametrize("name", [str(2**63 - 1), f"00{2**63 - 1} "])
def test_there_is_no_version_after_the_highest(tmp_path, name):
    (tmp_path / name).mkdir()
    for call in (check_base, lambda base: publish(write_model, base)):
        with pytest.raises(ValueError, match=r"servers read none above it: give `version`"):
            call(tmp_path)
    assert names(tmp_path) == [name]
    said = []
    publish(write_model, tmp_path, version=8, report=said.append)
    assert said == [f"Version 8 is below {2**63 - 1}: a server of the newest one serves that."]


def test_the_same_number_with_zeros_in_front_is_seen_at_the_end_too(tmp_path):
    def write(folder):
        write_model(folder)
        (tmp_path / "005").mkdir()

    with pytest.raises(ValueError, match=r"Version 5 is in .* already"):
        publish(write, tmp_path, version=5)
    assert names(tmp_path) == ["005"]


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


WRITE_FOR_EVER = """
import sys, time
from export.publishing import publish

def write(folder):
    (folder / "saved_model.pb").write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)

publish(write, sys.argv[1], report=lambda sentence: None)
"""


@contextlib.contextmanager
def another_export(base):
    """A process that has begun an export under `base` and never ends it."""
    command = [sys.executable, "-c", WRITE_FOR_EVER, str(base)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_what_killed_exports_left_is_removed_by_the_next(tmp_path):
    for _ in range(2):
        with another_export(tmp_path) as process:
            process.send_signal(signal.SIGKILL)
    left = names(tmp_path)
    assert len(left) == 1 and left[0].startswith(UNFINISHED)  # The second removed the first's.
    assert versions(tmp_path) == []
    said = []
    assert publish(write_model, tmp_path, report=said.append) == tmp_path / "1"
    assert said == [
        f"Removed 1 unfinished export of processes that are gone, in {str(tmp_path)!r}."
    ]
    assert names(tmp_path) == ["1"]


@pytest.mark.slow
def test_what_is_being_written_stays_however_long_it_takes(tmp_path):
    with another_export(tmp_path) as process:
        process.send_signal(signal.SIGSTOP)
        (folder,) = names(tmp_path)
        os.utime(tmp_path / folder, (0, 0))
        publish(write_model, tmp_path)
        assert names(tmp_path) == [folder, "1"]
        assert names(tmp_path / folder) == ["saved_model.pb"]
    # In the same process too.
    publish(lambda folder: [write_model(folder), publish(write_model, tmp_path)], tmp_path)
    assert names(tmp_path) == ["1", "2", "3"]


@pytest.mark.parametrize(
    "name",
    [
        f"{UNFINISHED}0123456789abcdef",
        f"{UNFINISHED}f3a7e4d0-0000-4000-8000-6b1c2d3e4f50-0123456789abcdef",
        f"{UNFINISHED}anything",
    ],
)
def test_what_may_be_written_elsewhere_stays_for_a_day(tmp_path, name):
    """Of another machine, one that has started anew since, an earlier release, or no such lock."""
    write_model_at = tmp_path / name
    write_model_at.mkdir()
    write_model(write_model_at)
    said = []
    publish(write_model, tmp_path, report=said.append)
    assert names(tmp_path) == [name, "1"] and said == []
    two_days_ago = time.time() - 2 * 24 * 60 * 60
    os.utime(write_model_at, (two_days_ago, two_days_ago))
    publish(write_model, tmp_path, report=said.append)
    assert names(tmp_path) == ["1", "2"] and len(said) == 1


@pytest.mark.parametrize("missing", ["locks", "boot_id"])
def test_without_locks_or_a_name_of_the_system_age_decides(tmp_path, monkeypatch, missing):
    if missing == "locks":
        monkeypatch.setattr(unfinished, "_lock", lambda handle: False)
    else:
        monkeypatch.setattr(unfinished, "_running_system", lambda: None)
    inside = []

    def write(folder):
        write_model(folder)
        publish(write_model, tmp_path)
        inside.append(folder.exists())

    publish(write, tmp_path)
    assert inside == [True] and names(tmp_path) == ["1", "2"]


def test_a_file_of_such_a_name_is_not_touched(tmp_path):
    (tmp_path / f"{UNFINISHED}note").write_text("mine")
    os.utime(tmp_path / f"{UNFINISHED}note", (0, 0))
    publish(write_model, tmp_path)
    assert names(tmp_path) == [f"{UNFINISHED}note", "1"]


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
