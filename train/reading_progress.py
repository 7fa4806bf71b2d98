"""A line that says how far the reading of image files, or other work, is."""

import sys
import time

# In seconds: on a terminal, and elsewhere.
_EVERY, _EVERY_LINE = 0.5, 30.0


class ReadingProgress:
    """Called with how many files were read, and of how many; quick reading goes without a word.

    Args:
      what: What is done.
    """

    def __init__(self, what: str = "Reading image files") -> None:
        self._what = what
        self._terminal = sys.stderr.isatty()
        self._every = _EVERY if self._terminal else _EVERY_LINE
        self._next = time.monotonic() + self._every
        self._written = False

    def __call__(self, done: int, total: int) -> None:
        """Writes to standard error, now and then."""
        if done == total and self._written and self._terminal:
            print(f"\r{self._text(done, total)}", file=sys.stderr, flush=True)
        elif time.monotonic() >= self._next:
            self._next += self._every
            self._written = True
            if self._terminal:
                print(f"\r{self._text(done, total)}", end="", file=sys.stderr, flush=True)
            else:
                print(self._text(done, total), file=sys.stderr, flush=True)

    def _text(self, done: int, total: int) -> str:
        return f"{self._what}: {done:,} of {total:,}"
