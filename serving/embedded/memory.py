"""Gives memory back to the system."""

import ctypes
import functools
import gc
import os
import threading
from collections.abc import Callable

_SECONDS_BETWEEN_LOOKS = 1.0
# How much more than at the last look is worth the work.
_GROWTH = 32 << 20


class MemoryReturner:
    """A thread that collects garbage and has glibc's allocator give back what is free.

    It does so after memory has grown. By itself the allocator keeps it: after many large messages,
    also those that gRPC refuses before Python sees them, hundreds of megabytes. Where the C library
    is another, nothing happens.
    """

    def __init__(self) -> None:
        """Looks at nothing before `start`."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="memory", daemon=True)

    def start(self) -> None:
        """Begins to look, each second."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._stopping.set()

    def _work(self) -> None:
        trim = _malloc_trim()
        least = _resident()
        while trim is not None and least and not self._stopping.wait(_SECONDS_BETWEEN_LOOKS):
            least = min(least, _resident())
            if _resident() > least + _GROWTH:
                # What calls have left in circles: the young ones, and all if that was not it.
                for generation in (1, 2):
                    gc.collect(generation)
                    trim(0)  # `ctypes` lets go of Python's lock for it.
                    if _resident() <= least + _GROWTH:
                        break
                least = _resident()


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    """glibc's function; None where the C library has none."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def _resident() -> int:
    """Bytes of memory that the process has; 0 where the system does not say it."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
