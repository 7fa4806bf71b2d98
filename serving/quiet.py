"""Keeps libraries from writing to the terminal."""

import contextlib
import os
import sys
from collections.abc import Iterator

from tfglow.tensorflow_log import quiet_import


@contextlib.contextmanager
def quiet_standard_error() -> Iterator[None]:
    """Sends file descriptor 2 nowhere inside the `with`; Python's exceptions are raised as ever."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def naming_missing(extra: str = "serving") -> Iterator[None]:
    """Around imports: a package that is missing ends the program with a sentence.

    Args:
      extra: The extra of setup.cfg that brings what may be missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error.name} is not installed; pip install -e .[{extra}] brings it")


@contextlib.contextmanager
def quiet_imports(extra: str = "serving") -> Iterator[None]:
    """The same around tensorflow-serving-api, which brings TensorFlow: without its log."""
    with naming_missing(extra), quiet_import():
        yield
