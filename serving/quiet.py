"""Keeps imports from writing to the terminal."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_standard_error() -> Iterator[None]:
    """Sends file descriptor 2 nowhere inside the `with`.

    TensorFlow (which tensorflow-serving-api imports) prints six lines about oneDNN and CUDA before
    any log level is heard. Python's own exceptions are raised as ever.
    """
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
def quiet_imports(extra: str = "serving") -> Iterator[None]:
    """The same for imports; one that is missing ends the program with a sentence.

    Args:
      extra: The extra of setup.cfg that brings what may be missing.
    """
    try:
        with quiet_standard_error():
            yield
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error.name} is not installed; pip install -e .[{extra}] brings it")
