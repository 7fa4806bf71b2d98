"""The calls under way, and the turning away of further ones before the end."""

import contextlib
import time
from collections.abc import Iterator

from serving.embedded.request_checks import unavailable


class Traffic:
    """Counts the calls under way on one event loop."""

    def __init__(self) -> None:
        self.under_way = 0
        self._last_arrival = 0.0
        self._closed = False

    @property
    def quiet_seconds(self) -> float:
        """The time since a call came, refused ones among them; 0 while one is under way."""
        return 0.0 if self.under_way else time.monotonic() - self._last_arrival

    def close(self) -> None:
        """Refuses every further call."""
        self._closed = True

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Counts a call while inside the `with`.

        Raises:
          RequestError: UNAVAILABLE, after `close`.
        """
        self._last_arrival = time.monotonic()
        if self._closed:
            raise unavailable("the server is shutting down")
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
            self._last_arrival = time.monotonic()
