"""Work on large messages, away from the event loop."""

import asyncio
import ctypes
import functools
from collections.abc import Callable
from concurrent import futures
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

# Up to this size, copying takes less time than waking a thread.
_SMALL = 256 << 10
_SECONDS_BETWEEN_TRIMS = 1.0


class OffLoop:
    """Runs what copies or decodes many bytes in a thread, one at a time.

    Decoding and copying hold Python's lock. One thread that does it lets the loop have its turn
    after every single message; several would take turns among themselves.

    After such work the memory that it took goes back to the system, which glibc's allocator does
    not do by itself.
    """

    def __init__(self) -> None:
        """Starts no thread before there is work."""
        self._executor = futures.ThreadPoolExecutor(1, "large-messages")
        self._trim_is_planned = False

    async def run(
        self, size: float, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """What `function` returns; at once if `size` bytes are few, in the thread otherwise."""
        if size <= _SMALL:
            return function(*args, **kwargs)
        loop = asyncio.get_running_loop()
        if not self._trim_is_planned:
            self._trim_is_planned = True
            loop.call_later(_SECONDS_BETWEEN_TRIMS, self._trim)
        return await loop.run_in_executor(
            self._executor, functools.partial(function, *args, **kwargs)
        )

    def stop(self) -> None:
        """Ends the thread after what it does now."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _trim(self) -> None:
        self._trim_is_planned = False
        try:
            self._executor.submit(_give_memory_back)
        except RuntimeError:  # It has ended.
            return


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    """glibc's function; None where the C library has none."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def _give_memory_back() -> None:
    trim = _malloc_trim()
    if trim is not None:
        trim(0)  # `ctypes` releases Python's lock for it.
