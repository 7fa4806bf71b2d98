"""Which versions of the model there are, and which one answers."""

import contextlib
import dataclasses
import gc
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path

import grpc
from tensorflow_serving.apis import get_model_status_pb2

from serving.embedded.load_failures import failure_code, reason
from serving.embedded.loading import Loader, Loading
from serving.embedded.request_checks import RequestError, not_found
from serving.embedded.servable import Servable
from serving.printable import printable
from tfglow.version_folders import HIGHEST_VERSION, version_number

_log = logging.getLogger(__name__)
# Versions that have ended and are still reported.
_LONGEST_HISTORY = 100

# START, LOADING, AVAILABLE, UNLOADING, END.
State = get_model_status_pb2.ModelVersionStatus


@dataclasses.dataclass
class VersionStatus:
    """A version's state, its error if it has one, and when a failed load is tried again."""

    state: int
    error_code: int = 0
    error_message: str = ""
    failures: int = 0
    try_again_at: float = 0.0
    # The inode of the version's folder, which tells one that was replaced.
    inode: int = 0
    # The load that was left behind, of a version that took too long.
    loading: Loading | None = None


class VersionManager:
    """Serves the largest version in a folder that loads, looking for new ones as it serves.

    As in TF Serving: children that are no 64-bit integers are ignored, a new version is loaded
    before the old one is drained, and one that fails to load leaves the old one serving and is
    tried again. Unlike there, a load that takes too long is a failed one, and the next is tried.
    """

    def __init__(
        self,
        name: str,
        base_path: Path,
        load: Callable[[int, Path], Servable],
        max_retries: int,
        retry_seconds: float,
        load_seconds: float,
        on_change: Callable[[dict[int, int], int | None], None] = lambda states, current: None,
    ):
        """Looks at nothing before `start`.

        Args:
          name: The model's name.
          base_path: The folder with a numbered folder a version.
          load: Loads a version from its folder, or raises.
          max_retries: How often a version that failed to load is tried again.
          retry_seconds: The time between those tries.
          load_seconds: How long a load may take.
          on_change: Is told the state of every version, and which one answers.
        """
        self._name = name
        self._base_path = base_path
        self._loader = Loader(load)
        self._max_retries = max_retries
        self._retry_seconds = retry_seconds
        self._load_seconds = load_seconds
        self._on_change = on_change
        self._lock = threading.Lock()
        self._current: Servable | None = None
        self._statuses: dict[int, VersionStatus] = {}
        self._stopping = threading.Event()
        self._poller: threading.Thread | None = None
        # What the last look at the folder warned of.
        self._warned: set[str] = set()

    def start(self, poll_seconds: float) -> None:
        """Looks at the folder once, then every `poll_seconds` (0: never again)."""
        self.poll()
        if poll_seconds:
            self._poller = threading.Thread(
                target=self._poll_forever, args=(poll_seconds,), name="versions", daemon=True
            )
            self._poller.start()

    def stop(self, seconds: float) -> bool:
        """Stops looking and closes the version; returns whether that was done in time.

        It is not while a load goes on that took too long.
        """
        end = time.monotonic() + seconds
        with self._lock:
            self._stopping.set()
            loads_ended = self._loader.stop()
        if self._poller:
            self._poller.join(seconds)
            if self._poller.is_alive():
                return False
        self._replace_current(None, end - time.monotonic())
        return loads_ended

    @contextlib.contextmanager
    def lease(self, name: str, version: int | None) -> Iterator[Servable]:
        """The version that answers, kept open inside the `with`.

        Args:
          name: The model that a request asks for.
          version: The version that it asks for; None for the latest.

        Raises:
          RequestError: NOT_FOUND, if that is not the version that is loaded.
        """
        with self._lock:
            current = self._current
            if current is None or name != self._name or version not in (None, current.version):
                asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
                raise not_found(f"Servable not found for request: {asked}")
            current.acquire()
        try:
            yield current
        finally:
            current.release()

    def statuses(self) -> dict[int, VersionStatus]:
        """A copy of all versions' states, the latest version first."""
        with self._lock:
            return {v: dataclasses.replace(s) for v, s in sorted(self._statuses.items())[::-1]}

    def poll(self) -> None:
        """Looks at the folder and brings the version that answers in line with it."""
        folders = self._folders()
        if folders is None:
            return
        with self._lock:
            current = self._current.version if self._current else None
            # A version that went away and comes back is a new one.
            for version in [v for v in self._statuses if v != current]:
                status, folder = self._statuses[version], folders.get(version)
                if status.error_code and (folder is None or folder.inode() != status.inode):
                    del self._statuses[version]
        for version, folder in sorted(folders.items(), reverse=True):
            if version == current or self._stopping.is_set():
                return
            if self._may_load(version) and self._try_to_load(version, folder):
                return
        if current is not None and not folders:
            _log.warning("version %d was removed from %s", current, self._base_path)
            self._replace_current(None)

    def _folders(self) -> dict[int, os.DirEntry[str]] | None:
        """The versions' folders; None if they cannot be read."""
        folders: dict[int, os.DirEntry[str]] = {}
        warnings = []
        try:
            with os.scandir(self._base_path) as children:
                entries = sorted(children, key=lambda child: child.name)
        except OSError as error:
            self._warn([f"cannot read {self._base_path}: {error}; serving on"])
            return None
        for child in entries:
            version = version_number(child.name)
            if version is None:
                continue
            if version > HIGHEST_VERSION:
                warnings.append(
                    f"{child.path} is ignored: versions go up to 2⁶³ − 1 = {HIGHEST_VERSION}"
                )
                continue
            if version in folders:  # As in TF Serving, which takes the last by name.
                warnings.append(
                    f"version {version} is loaded from {child.path}; {folders[version].path} is "
                    "ignored"
                )
            folders[version] = child
        if not folders:
            warnings.append(
                f"no version of {self._name} in {self._base_path} yet (a version is a folder "
                "named by a number); waiting for one"
            )
        self._warn(warnings)
        return folders

    def _may_load(self, version: int) -> bool:
        status = self._statuses.get(version)
        if status is None or not status.failures:
            return True
        if status.loading and status.loading.is_under_way:
            return False
        return status.failures <= self._max_retries and time.monotonic() >= status.try_again_at

    def _try_to_load(self, version: int, folder: os.DirEntry[str]) -> bool:
        failures = self._statuses[version].failures if version in self._statuses else 0
        self._set(version, VersionStatus(State.LOADING, failures=failures))
        _log.info("loading version %d from %s", version, folder.path)
        started = time.monotonic()
        with self._lock:
            if self._stopping.is_set():
                return False
            loading = self._loader.begin(version, Path(folder.path))
        try:
            servable = loading.wait(self._load_seconds)
        except futures.CancelledError:
            _log.info("version %d is not waited for: the server stops", version)
            return False
        except Exception as error:
            code, message = _explain_failure(error)
        else:
            if servable:
                _log.info("loaded version %d in %.1f s", version, time.monotonic() - started)
                self._replace_current(servable)
                return True
            code = grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
            message = (
                f"it did not load within {self._load_seconds:g} s (--load_timeout_seconds); its "
                "load is left behind"
            )
        message = printable(f"version {version} in {folder.path} cannot be loaded: {message}")
        _log.error("%s", message)
        status = VersionStatus(State.END, code, message, failures + 1, inode=folder.inode())
        status.try_again_at = time.monotonic() + self._retry_seconds
        status.loading = loading
        self._set(version, status)
        return False

    def _replace_current(self, servable: Servable | None, seconds: float | None = None) -> None:
        """Publishes `servable`, then drains and closes the version before it."""
        with self._lock:
            old, self._current = self._current, servable
            if servable:
                self._statuses[servable.version] = VersionStatus(State.AVAILABLE)
            if old:
                self._statuses[old.version] = VersionStatus(State.UNLOADING)
        self._tell()
        if old:
            old.close(seconds)
            self._set(old.version, VersionStatus(State.END))
            gc.collect()  # A graph is a knot of cycles; do not wait for the collector.
            _log.info("unloaded version %d", old.version)

    def _set(self, version: int, status: VersionStatus) -> None:
        with self._lock:
            self._statuses[version] = status
            ended = sorted(v for v, s in self._statuses.items() if s.state == State.END)
            for old in ended[:-_LONGEST_HISTORY]:
                del self._statuses[old]
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            states = {version: status.state for version, status in self._statuses.items()}
            current = self._current.version if self._current else None
        self._on_change(states, current)

    def _poll_forever(self, poll_seconds: float) -> None:
        while not self._stopping.wait(poll_seconds):
            try:
                self.poll()
            except Exception:
                _log.exception("looking for new versions failed; trying again")

    def _warn(self, messages: list[str]) -> None:
        """Logs what the look before this one did not find too."""
        for message in messages:
            if message not in self._warned:
                _log.warning("%s", printable(message))
        self._warned = set(messages)


def _explain_failure(error: Exception) -> tuple[int, str]:
    """A load's failure as a status code and one line."""
    if isinstance(error, RequestError):
        return error.code.value[0], error.message
    return failure_code(error).value[0], reason(error)
