"""Arrays that were used recently."""

import collections
import threading
from collections.abc import Hashable

import numpy as np

Arrays = tuple[np.ndarray, ...]


class RecentArrays:
    """Arrays by key, at most so many bytes: those that were not used for longest go first.

    Any thread may use it.
    """

    def __init__(self, max_bytes: int):
        if max_bytes < 1:
            raise ValueError(f"`max_bytes` must be at least 1, got {max_bytes}")
        self._max_bytes = max_bytes
        self._bytes = 0
        self._arrays: collections.OrderedDict[Hashable, Arrays] = collections.OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Arrays | None:
        """The arrays under a key, None if they are not there."""
        with self._lock:
            if key not in self._arrays:
                return None
            self._arrays.move_to_end(key)
            return self._arrays[key]

    def put(self, key: Hashable, *arrays: np.ndarray) -> None:
        """Keeps arrays under a key; arrays too large to be kept are not."""
        with self._lock:
            self._bytes -= _size(self._arrays.pop(key, ()))
            self._arrays[key] = arrays
            self._bytes += _size(arrays)
            while self._bytes > self._max_bytes:
                _, oldest = self._arrays.popitem(last=False)
                self._bytes -= _size(oldest)


def _size(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays)
