"""What TensorFlow says of itself, and how much of that a command shows.

Where the environment variable TF_CPP_MIN_LOG_LEVEL is not set, commands show errors alone; it
brings the rest back: 0 all, 1 warnings, 2 errors, 3 fatal ones. A library changes nothing of it:
this is for programs, and for notebooks.
"""

import contextlib
import gc
import logging
import os
import subprocess
import sys
from collections.abc import Iterator

from tfglow import log_filter

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# For the end of a command's help.
HELP = f"{LEVEL}=0 in the environment shows TensorFlow's own log, 1 its warnings."
# As many new objects are made before the next look for garbage; 700 by default.
_MANY_OBJECTS = 50_000
# Python's loggers of TensorFlow, of TensorFlow Datasets, and of what is drawn with.
_LOGGERS = ("absl", "matplotlib", "tensorflow")


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Around the import that brings TensorFlow: shows no more of its log than was asked for.

    It writes lines about oneDNN and CUDA before any level is heard, by the descriptor of standard
    error, past Python. Another process reads that here, and passes all else on; errors of Python
    are raised as ever. Where TensorFlow was imported before, nothing is done.
    """
    if "tensorflow" in sys.modules:
        yield
        return
    level = _level()
    with _filtered(level):
        yield
    if level >= log_filter.ERRORS:
        # Not before: these two make loggers of their own classes.
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)


def start_tensorflow() -> None:
    """Imports TensorFlow as `quiet_import` does, and has it look for its devices.

    For commands that compute, when they know that they will: it takes seconds. Python then looks
    for garbage less often than by default: importing and tracing make objects by the million, and
    most of them stay (2 of the 36 CPU seconds before a first step of the paper's model).
    """
    if "tensorflow" in sys.modules:
        return
    gc.set_threshold(_MANY_OBJECTS)
    with quiet_import():
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    if not gpus and log_filter.has_gpu():
        print(
            "Note: TensorFlow does not use the NVIDIA GPU that is here; "
            f"{LEVEL}=0 shows why (often pip install 'tensorflow[and-cuda]' is missing).",
            file=sys.stderr,
        )


def _level() -> int:
    """The level that was asked for; if none was, that of commands, set for TensorFlow too."""
    text = os.environ.setdefault(LEVEL, str(log_filter.ERRORS))
    return int(text) if text.isdigit() else 0


@contextlib.contextmanager
def _filtered(level: int) -> Iterator[None]:
    """Has what is written to file descriptor 2 inside the `with` read by `tfglow.log_filter`."""
    if level <= 0 or not _is_open(2):
        yield
        return
    # Without site-packages it starts in a few milliseconds.
    command = [sys.executable, "-I", "-S", log_filter.__file__, str(level)]
    read, write = os.pipe()
    reader = subprocess.Popen(command, stdin=read)
    os.close(read)
    kept = os.dup(2)
    try:
        _flush()
        os.dup2(write, 2)
        os.close(write)
        yield
    finally:
        _flush()
        os.dup2(kept, 2)
        os.close(kept)
        # Its last lines come before ours.
        reader.wait()


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
