"""A log that strangers cannot fill."""

import logging
import threading
import time

_SECONDS = 60.0


class SparseLog:
    """At most one line a minute for all messages of a kind; the next one says how many there were.

    Args:
      log: Where the lines go.
    """

    def __init__(self, log: logging.Logger):
        self._log = log
        self._lock = threading.Lock()
        # By kind: when the last line was written, and what came since.
        self._written: dict[str, float] = {}
        self._unwritten: dict[str, int] = {}

    def warning(self, kind: str, message: str, error: BaseException | None = None) -> None:
        """Writes `message`, with the traceback of `error`, unless its kind had its line already.

        Args:
          kind: What is counted together; one of a few, never a stranger's words.
          message: The line.
          error: A fault of the server's own, whose traceback is wanted.
        """
        now = time.monotonic()
        with self._lock:
            if now - self._written.get(kind, -_SECONDS) < _SECONDS:
                self._unwritten[kind] = self._unwritten.get(kind, 0) + 1
                return
            self._written[kind] = now
            more = self._unwritten.pop(kind, 0)
        suffix = f" (and {more} more of the kind since the last such line)" if more else ""
        self._log.warning("%s%s", message, suffix, exc_info=error)
