import subprocess
import sys

import pytest

from tfglow import log_filter
from tfglow.log_filter import has_gpu, is_shown

NOTICE = b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
INFO = b"I0000 00:00:1795677654.107991   25995 port.cc:153] oneDNN custom operations are on. You\n"
WARNING = b"W0000 00:00:1795677654.109992     7 gpu_device.cc:2430] Cannot dlopen GPU libraries\n"
NO_DRIVER = (
    b"E0000 00:00:1795677671.173422   25995 cuda_platform.cc:52] failed call to cuInit: INTERNAL: "
    b"CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)\n"
)
ERROR = b"E0000 00:00:1795677671.173422   25995 cuda_dnn.cc:52] Could not create cudnn handle\n"
FATAL = b"F0000 00:00:1795677671.173422   25995 cpu_feature_guard.cc:52] compiled to use AVX\n"
OWN = b"Note: --eval_split=test shares 3 images with --train_split=train\n"
LINES = (NOTICE, INFO, WARNING, NO_DRIVER, ERROR, FATAL, OWN)


@pytest.mark.parametrize(
    ("level", "gpu", "shown"),
    [
        (0, False, LINES),
        (1, False, (WARNING, NO_DRIVER, ERROR, FATAL, OWN)),
        (2, False, (ERROR, FATAL, OWN)),
        (2, True, (NO_DRIVER, ERROR, FATAL, OWN)),
        (3, True, (FATAL, OWN)),
    ],
)
def test_what_is_shown(level, gpu, shown):
    assert tuple(line for line in LINES if is_shown(line, level, gpu)) == shown


@pytest.mark.parametrize(
    "line",
    [b"Traceback (most recent call last):\n", b"I am no log\n", b"I0000\n", b"\n", b"\xff\xfe\n"],
)
def test_other_lines_are_passed_on(line):
    assert is_shown(line, 3, False)


def test_a_process_passes_lines_on_as_they_are():
    command = [sys.executable, "-I", "-S", log_filter.__file__, "2"]
    done = subprocess.run(command, input=b"".join(LINES) + b"no end", capture_output=True)
    assert done.returncode == 0
    assert done.stdout == b""
    assert done.stderr.replace(NO_DRIVER, b"") == ERROR + FATAL + OWN + b"no end"


@pytest.mark.parametrize("devices", ["", "-1", " -1 "])
def test_a_gpu_that_is_hidden_is_none(monkeypatch, devices):
    monkeypatch.setattr(log_filter.Path, "glob", lambda *_: [log_filter.Path("/dev/nvidia0")])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert has_gpu()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    assert not has_gpu()


@pytest.mark.parametrize(
    ("vendor", "kind", "found"),
    [("0x10de", "0x030200", True), ("0x10de", "0x040300", False), ("0x1af4", "0x030000", False)],
)
def test_a_gpu_without_a_driver_is_one(tmp_path, monkeypatch, vendor, kind, found):
    """A sound device of the same maker is none."""
    (tmp_path / "vendor").write_text(f"{vendor}\n")
    (tmp_path / "class").write_text(f"{kind}\n")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    places = {"/dev": [], "/sys/bus/pci/devices": [tmp_path, tmp_path / "gone"]}
    monkeypatch.setattr(log_filter.Path, "glob", lambda path, _: places[str(path)])
    assert has_gpu() == found
