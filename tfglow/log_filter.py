"""Passes a program's standard error on, but for what TensorFlow says of itself.

`tfglow.tensorflow_log` runs this file as a process of its own, with Python's standard library
alone: what a program says in its last moment still comes through. Standard input is read, and what
is shown of it goes to standard error; the argument is the level of TF_CPP_MIN_LOG_LEVEL.
"""

import os
import re
import signal
import sys
from pathlib import Path

# "I0000 00:00:1795677660.650733   25995 port.cc:153] oneDNN custom operations are on. ..."
_LINE = re.compile(rb"([IWEF])\d{4} [\d:.]+ +\d+ [^ ]+:\d+\] ")
_SEVERITIES = b"IWEF"
_NOTICE = b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR"
_NO_DRIVER = b"failed call to cuInit"
# The level of commands: errors alone.
ERRORS = 2
_NVIDIA = "0x10de"
_DISPLAY_CLASS = "0x03"


def is_shown(line: bytes, level: int, gpu: bool) -> bool:
    """Whether a line of standard error is passed on.

    TensorFlow hears of TF_CPP_MIN_LOG_LEVEL only after its first lines. An error is one for those
    who have a GPU: where there is none, that its driver is missing says nothing.

    Args:
      line: The line.
      level: The lowest severity to show: 0 all, 1 warnings, 2 errors, 3 fatal ones.
      gpu: Whether the machine has an NVIDIA GPU.
    """
    if level <= 0:
        return True
    found = _LINE.match(line)
    if found is None:
        return not line.startswith(_NOTICE)
    if level >= ERRORS and not gpu and _NO_DRIVER in line:
        return False
    return _SEVERITIES.index(found[1]) >= level


def has_gpu() -> bool:
    """Whether the machine has an NVIDIA GPU that is not hidden by CUDA_VISIBLE_DEVICES.

    Looks for the card, not for its driver, which may be what is missing.
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    # What the driver makes, and Windows for its Linux.
    if any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists():
        return True
    return any(map(_is_nvidia_gpu, Path("/sys/bus/pci/devices").glob("*")))


def _is_nvidia_gpu(device: Path) -> bool:
    try:
        return (device / "vendor").read_text().strip() == _NVIDIA and (
            device / "class"
        ).read_text().startswith(_DISPLAY_CLASS)
    except OSError:
        return False


def main() -> None:
    """Passes lines on until the program closes its end, or ends."""
    # Ctrl-C is for the program; what it then says is to be heard.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    level, gpu = int(sys.argv[1]), has_gpu()
    for line in sys.stdin.buffer:
        if is_shown(line, level, gpu):
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()


if __name__ == "__main__":
    main()
