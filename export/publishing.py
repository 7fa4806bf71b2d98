"""Publishing a version folder: complete, or not at all."""

import contextlib
import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tfglow.local_paths import check_local_path

# How the folder is called while it is written: servers look at numbers only.
UNFINISHED = ".unfinished-"
# Nobody is writing a folder any more that is this old, in seconds.
_ABANDONED_AFTER = 24 * 60 * 60


def publish(
    write: Callable[[Path], None], base: str | os.PathLike, version: int | None = None
) -> Path:
    """Writes a version of a model and makes it appear under `base` by a rename.

    If it is stopped before that, nothing is left that a server would read: an exception removes
    what was written. What a killed process leaves behind has a name that servers ignore, and an
    export a day later removes it. Exports to one base may run at the same time; each gets its own
    version.

    Args:
      write: Writes everything into the empty folder that it is given.
      base: The folder of all versions, made if it is not there, on a file system that renames
        folders in one step.
      version: The number; None takes the one after the highest that is there, from 1.

    Returns:
      `base/version`.

    Raises:
      ValueError: If `version` is there already, or `base` cannot be written to, or is a URL.
    """
    check_base(base, version)
    base = Path(base)
    with _errors_naming(base):
        base.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(base)
        folder = base / f"{UNFINISHED}{secrets.token_hex(8)}"
        folder.mkdir()
        try:
            write(folder)
            _flush(folder)
            published = _rename(folder, base, version)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        _flush_one(base)
    return published


def check_base(base: str | os.PathLike, version: int | None = None) -> None:
    """Checks, before anything is computed, that a version can be published under `base`.

    Raises:
      ValueError: If `version` is there already, or `base` cannot be written to, or is a URL.
    """
    base = Path(check_local_path(base, "The folder of the exports"))
    if version is not None and not 0 <= version < 2**63:
        raise ValueError(f"A version must be an integer from 0 to 2⁶³ − 1, got {version}.")
    with _errors_naming(base):
        existing = next(path for path in (base, *base.parents) if path.exists())
        if not existing.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{str(existing)!r} is not a folder")
        if not os.access(existing, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"{str(existing)!r} is not writable")
        if version is not None and version in versions(base):
            raise _taken(base, version)


def versions(base: str | os.PathLike) -> list[int]:
    """The version numbers under `base`, ascending, as a server reads them."""
    base = Path(base)
    names = os.listdir(base) if base.is_dir() else []
    return sorted(int(name) for name in names if re.fullmatch("[0-9]+", name))


@contextlib.contextmanager
def _errors_naming(base: Path) -> Iterator[None]:
    """Turns an error of the file system into one sentence that names `base`."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"Cannot publish in {str(base)!r}: {error.strerror}.") from error


def _taken(base: Path, version: int) -> ValueError:
    return ValueError(
        f"Version {version} is in {str(base)!r} already: its highest is {max(versions(base))}."
    )


def _rename(folder: Path, base: Path, version: int | None) -> Path:
    while True:
        number = max(versions(base), default=0) + 1 if version is None else version
        target = base / str(number)
        try:
            os.rename(folder, target)
            return target
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
            # Another export was faster: a folder with something in it is never replaced.
            if version is not None:
                raise _taken(base, version) from error


def _remove_abandoned(base: Path) -> None:
    for folder in base.glob(f"{UNFINISHED}*"):
        try:
            age = time.time() - folder.stat().st_mtime
        except FileNotFoundError:
            continue  # Another export's, published or removed since.
        if age > _ABANDONED_AFTER:
            # Renamed first: should it be alive after all, it must not publish what is left.
            removed = folder.with_name(f"{UNFINISHED}{secrets.token_hex(8)}")
            with contextlib.suppress(FileNotFoundError):
                folder.rename(removed)
            shutil.rmtree(removed, ignore_errors=True)


def _flush(folder: Path) -> None:
    """Makes everything in `folder` outlive a crash of the machine."""
    for parent, _, files in os.walk(folder, topdown=False):
        for file in files:
            _flush_one(Path(parent) / file)
        _flush_one(Path(parent))


def _flush_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
