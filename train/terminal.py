"""What standard error is."""

import os
import sys


def shows_bars() -> bool:
    """Whether standard error is a terminal with room for a bar.

    On one that says it has no columns, as that of `script` in a job may, tqdm writes nothing.
    """
    if not sys.stderr.isatty():
        return False
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except OSError:  # It does not say, and tqdm writes.
        return True
