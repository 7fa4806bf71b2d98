"""Publishing a version folder: complete, or not at all."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import SupportsIndex

from tfglow.fields import converted
from tfglow.local_paths import check_local_path
from tfglow.runs.unfinished import remove_abandoned, unfinished_folder
from tfglow.version_folders import HIGHEST_VERSION, version_number
from tfglow.whole_files import to_disk


def publish(
    write: Callable[[Path], None],
    base: str | os.PathLike,
    version: SupportsIndex | None = None,
    report: Callable[[str], None] = print,
) -> Path:
    """Writes a version of a model and makes it appear under `base` by a rename.

    If it is stopped before that, nothing is left that a server would read: an exception removes
    what was written. What a killed process leaves behind has a name that servers ignore, and the
    next export removes it. Exports to one base may run at the same time; each gets its own version.

    Args:
      write: Writes everything into the empty folder that it is given.
      base: The folder of all versions, made if it is not there, on a file system that renames
        folders in one step.
      version: The number; None takes the one after the highest that is there, from 1.
      report: A function that is called with a sentence about what else was done or found.

    Returns:
      `base/version`.

    Raises:
      ValueError: If `version` is there already or is none that servers read, or `base` cannot be
        written to, or is a URL.
    """
    version = check_base(base, version)
    base = Path(base)
    with _errors_naming(base):
        base.mkdir(parents=True, exist_ok=True)
        removed = remove_abandoned(base)
        if removed:
            exports = "1 unfinished export" if removed == 1 else f"{removed} unfinished exports"
            report(f"Removed {exports} of processes that are gone, in {str(base)!r}.")
        for number in _numbers(base):
            if number > HIGHEST_VERSION:
                report(f"{str(base / str(number))!r} is left out: servers read none above 2⁶³ − 1.")
        with unfinished_folder(base) as folder:
            write(folder)
            _flush(folder)
            published = _rename(folder, base, version)
        to_disk(base)
    if version is not None and version < max(versions(base)):
        highest = max(versions(base))
        report(f"Version {version} is below {highest}: a server of the newest one serves that.")
    return published


def check_base(base: str | os.PathLike, version: SupportsIndex | None = None) -> int | None:
    """Checks, before anything is computed, that a version can be published under `base`.

    Returns:
      `version` as an int of Python's.

    Raises:
      ValueError: If `version` is there already or is none that servers read, or `base` cannot be
        written to, or is a URL.
    """
    base = Path(check_local_path(base, "The folder of the exports"))
    version = _checked_version(version)
    with _errors_naming(base):
        existing = next(path for path in (base, *base.parents) if path.exists())
        if not existing.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{str(existing)!r} is not a folder")
        if not os.access(existing, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"{str(existing)!r} is not writable")
        _number(base, version)
    return version


def versions(base: str | os.PathLike) -> list[int]:
    """The version numbers under `base` from 0, ascending, as a server reads them."""
    return [number for number in _numbers(Path(base)) if number <= HIGHEST_VERSION]


def _numbers(base: Path) -> list[int]:
    names = os.listdir(base) if base.is_dir() else []
    found = (version_number(name) for name in names)
    return sorted(number for number in found if number is not None)


def _checked_version(version: SupportsIndex | None) -> int | None:
    if version is None:
        return None
    try:
        number = converted(version, int)
    except TypeError:
        number = -1
    if not 0 <= number <= HIGHEST_VERSION:
        raise ValueError(f"A version must be an integer from 0 to 2⁶³ − 1, got {version!r}.")
    return number


def _number(base: Path, version: int | None) -> int:
    """`version` if it is free, or the one that comes after the highest that is there."""
    there = versions(base)
    if version is None and there and there[-1] == HIGHEST_VERSION:
        raise ValueError(
            f"Version {HIGHEST_VERSION} is in {str(base)!r}, and servers read none above it: give "
            "`version`, or move that one away."
        )
    if version is not None and version in there:
        raise _taken(base, version)
    return max(there, default=0) + 1 if version is None else version


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
        target = base / str(_number(base, version))
        try:
            os.rename(folder, target)
            return target
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
            # Another export was faster: a folder with something in it is never replaced.
            if version is not None:
                raise _taken(base, version) from error


def _flush(folder: Path) -> None:
    """Makes everything in `folder` outlive a crash of the machine."""
    for parent, _, files in os.walk(folder, topdown=False):
        for file in files:
            to_disk(Path(parent) / file)
        to_disk(Path(parent))
