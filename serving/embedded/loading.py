"""Loads of versions, any of which may take for ever."""

import queue
import threading
from collections.abc import Callable
from concurrent import futures
from pathlib import Path

from serving.embedded.servable import Servable

_Load = Callable[[int, Path], Servable]


class Loading:
    """One load, done in a thread that is not the one that waits for it."""

    def __init__(self, version: int, folder: Path):
        """Is run by a `Loader`."""
        self._version = version
        self._folder = folder
        self._result: futures.Future[Servable] | None = futures.Future()
        self._ended = threading.Event()
        # Whether nobody waits for it any more.
        self.left = False

    @property
    def is_under_way(self) -> bool:
        """Whether the load has not come to its end, whoever waits for it."""
        return not self._ended.is_set()

    def wait(self, seconds: float) -> Servable | None:
        """The version that was loaded, or None if it takes longer and is left behind.

        Raises:
          futures.CancelledError: If `leave` was called.
          Exception: What the load raised.
        """
        result = self._result
        if result is None:
            raise RuntimeError("a load is waited for once")
        try:
            # `result` would not tell a load's own TimeoutError, of a network disk, from ours.
            result.exception(seconds)
        except TimeoutError:
            self.leave()
            if self.left:
                return None
        self._result = None  # It would keep the version when that is closed.
        return result.result()

    def leave(self) -> None:
        """Ends the waiting, if it has not ended."""
        if self._result and self._result.cancel():
            self.left = True

    def run(self, load: _Load) -> None:
        """Loads; what nobody waits for any more is closed."""
        result = self._result
        if result is None:
            raise RuntimeError("a load is run once")
        try:
            servable = load(self._version, self._folder)
        except BaseException as error:
            if result.set_running_or_notify_cancel():
                result.set_exception(error)
        else:
            if result.set_running_or_notify_cancel():
                result.set_result(servable)
            else:
                servable.close()
        finally:
            self._ended.set()


class Loader:
    """Loads in one thread, and in another as soon as a load was left behind in that one.

    A file that is never read to its end, or a disk that is gone, holds a thread for ever: none can
    be ended from outside. (One for all others, and not one each: what a thread allocates stays
    its own, 60 MB after a few versions of a toy.)
    """

    def __init__(self, load: _Load):
        """Starts no thread before the first load.

        Args:
          load: Loads a version from its folder, or raises.
        """
        self._load = load
        self._waiting: queue.SimpleQueue[Loading | None] = queue.SimpleQueue()
        # The last load, and those before it that go on.
        self._begun: list[Loading] = []

    def begin(self, version: int, folder: Path) -> Loading:
        """Begins to load a version from its folder; the load before it has ended or was left."""
        if not self._begun or self._begun[-1].left:
            self._waiting = queue.SimpleQueue()
            threading.Thread(
                target=_work, args=(self._load, self._waiting), name="loader", daemon=True
            ).start()
        loading = Loading(version, folder)
        self._begun = [*(load for load in self._begun if load.is_under_way), loading]
        self._waiting.put(loading)
        return loading

    def stop(self) -> bool:
        """Leaves the load that is under way, if one is; returns whether none goes on."""
        if self._begun:
            self._begun[-1].leave()
        self._waiting.put(None)
        return not any(load.is_under_way for load in self._begun)


def _work(load: _Load, waiting: queue.SimpleQueue[Loading | None]) -> None:
    while (loading := waiting.get()) is not None:
        loading.run(load)
        if loading.left:
            return
