"""Warnings as a command shows them."""

import contextlib
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def plain_warnings() -> Iterator[None]:
    """Shows a warning as one line, without the place in the code that it came from."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"Note: {message}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before
