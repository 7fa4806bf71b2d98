"""Work on many files in threads."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def num_threads() -> int:
    """One for each core that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Not Linux.
        return os.cpu_count() or 1


def in_parallel(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
    """The result for each item, in their order; threads are some hundred items ahead, no more.

    Reading and decoding pictures leaves the interpreter to others for most of its time.
    """
    with ThreadPoolExecutor(num_threads()) as pool:
        chunk = 64 * num_threads()
        for start in range(0, len(items), chunk):
            yield from pool.map(work, items[start : start + chunk])
