"""Work on large messages, away from the event loop."""

import asyncio
import functools
from collections.abc import Callable
from concurrent import futures
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

# Up to this size, copying takes less time than waking a thread.
_SMALL = 256 << 10


class OffLoop:
    """Runs what copies or decodes many bytes in a thread, one at a time.

    Decoding and copying hold Python's lock. One thread that does it lets the loop have its turn
    after every single message; several would take turns among themselves.
    """

    def __init__(self) -> None:
        """Starts no thread before there is work."""
        self._executor = futures.ThreadPoolExecutor(1, "large-messages")

    async def run(
        self, size: float, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """What `function` returns; at once if `size` bytes are few, in the thread otherwise."""
        if size <= _SMALL:
            return function(*args, **kwargs)
        work = functools.partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def stop(self) -> None:
        """Ends the thread after what it does now."""
        self._executor.shutdown(wait=False, cancel_futures=True)
