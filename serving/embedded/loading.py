"""One try to load a version, which may take for ever."""

import threading
from collections.abc import Callable
from concurrent import futures
from pathlib import Path

from serving.embedded.servable import Servable


class Loading:
    """A load in a thread of its own, so that whoever waits for it can stop waiting.

    A file that is never read to its end, or a disk that is gone, holds a thread for ever: no thread
    can be ended from outside. It is left behind, and what it may load after all is closed.
    """

    def __init__(self, load: Callable[[int, Path], Servable], version: int, folder: Path):
        """Starts to load.

        Args:
          load: Loads a version from its folder, or raises.
          version: The version.
          folder: Its folder.
        """
        self._result: futures.Future[Servable] = futures.Future()
        self._thread = threading.Thread(
            target=self._run, args=(load, version, folder), name=f"load-{version}", daemon=True
        )
        self._thread.start()

    @property
    def is_under_way(self) -> bool:
        """Whether the load has not come to its end, whoever waits for it."""
        return self._thread.is_alive()

    def wait(self, seconds: float) -> Servable | None:
        """The version that was loaded, or None if it takes longer and is left behind.

        Raises:
          futures.CancelledError: If `leave` was called.
          Exception: What the load raised.
        """
        try:
            # `result` would not tell a load's own TimeoutError, of a network disk, from ours.
            self._result.exception(seconds)
        except TimeoutError:
            if self._result.cancel():
                return None
        return self._result.result()

    def leave(self) -> None:
        """Ends the waiting, if it has not ended."""
        self._result.cancel()

    def _run(self, load: Callable[[int, Path], Servable], version: int, folder: Path) -> None:
        try:
            servable = load(version, folder)
        except BaseException as error:
            if self._result.set_running_or_notify_cancel():
                self._result.set_exception(error)
        else:
            if self._result.set_running_or_notify_cancel():
                self._result.set_result(servable)
            else:
                servable.close()
