"""Leaving a run in good order when the system asks for it."""

import signal
import threading
from types import FrameType
from typing import Any


class StopRequest:
    """Notes SIGTERM and SIGINT instead of dying of them, while it is entered as a context.

    The loop looks at `requested` after every step, saves, and leaves. A second SIGINT (Ctrl-C)
    interrupts at once. Outside of the main thread, where Python allows no handlers, only `request`
    sets it.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}

    def request(self) -> None:
        """Asks to stop after the current step."""
        self.requested = True

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.requested:
            raise KeyboardInterrupt
        self.request()
