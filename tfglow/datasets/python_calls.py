"""Python functions that pipelines call from their threads.

A process that ends takes the interpreter from all threads but its own. A pipeline whose thread
waits for it, in or before a call, could then never be taken down, and the process would not end:
so before that, it waits until nothing is called any more. Pipelines work ahead by some batches
only, after which they are quiet.
"""

import atexit
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

# Seconds without a call after which there will be none.
_QUIET = 0.2
# Seconds to wait for that at most.
_PATIENCE = 60.0


class _Calls:
    """How many calls there are, and when there last was one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._last = float("-inf")

    def __enter__(self) -> None:
        with self._lock:
            self._running += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._running -= 1
            self._last = time.monotonic()

    def wait_until_quiet(self) -> None:
        """Returns when no function was called for a while."""
        patience = time.monotonic() + _PATIENCE
        while time.monotonic() < patience:
            with self._lock:
                if not self._running and time.monotonic() - self._last > _QUIET:
                    return
            time.sleep(_QUIET / 10)


_CALLS = _Calls()
atexit.register(_CALLS.wait_until_quiet)


def python_call(
    function: Callable[..., Any], inputs: Sequence[tf.Tensor], kinds: Any
) -> tf.Tensor | list[tf.Tensor]:
    """`tf.numpy_function` of a function that depends on its arguments alone.

    Args:
      function: Takes and returns arrays.
      inputs: Its arguments.
      kinds: The types of what it returns.
    """

    def counted(*arrays: Any) -> Any:
        with _CALLS:
            return function(*arrays)

    return tf.numpy_function(counted, inputs, kinds, stateful=False)
