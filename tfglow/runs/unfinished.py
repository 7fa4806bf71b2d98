"""Folders that are being written, and those that a killed writer left behind."""

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

# How a folder's name begins while it is written: servers look at numbers only.
UNFINISHED = ".unfinished-"
# Where the writer cannot be asked, nobody writes a folder any more that is this old, in seconds.
_ABANDONED_AFTER = 24 * 60 * 60


@contextlib.contextmanager
def unfinished_folder(base: Path) -> Iterator[Path]:
    """A new empty folder under `base`, to be renamed when it is complete; else it is removed.

    While it is written it is locked, and the system gives the lock back however the process ends.
    Locks of another machine, or of the same one before it started anew, say nothing here: so the
    name of a locked folder holds `_running_system`. Where nothing can be locked it does not.
    """
    folder = base / f"{UNFINISHED}{secrets.token_hex(8)}"
    folder.mkdir()
    handle = os.open(folder, os.O_RDONLY)
    try:
        system = _running_system()
        if system and _lock(handle):
            # Only now: a folder of such a name is locked until its writer is gone.
            folder = folder.rename(_locked_name(base, system))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def remove_abandoned(base: Path) -> int:
    """Removes the unfinished folders under `base` that nobody writes any more.

    Those are the ones whose lock is free, and of other machines, containers without such locks and
    earlier releases those that are a day old.

    Returns:
      How many there were.
    """
    system = _running_system()
    removed = 0
    for folder in base.glob(f"{UNFINISHED}*"):
        if not folder.is_dir():
            continue
        if system and folder.name.startswith(f"{UNFINISHED}{system}-"):
            removed += _remove_if_unlocked(folder, system)
        elif _age(folder) > _ABANDONED_AFTER:
            removed += _remove(folder, base / f"{UNFINISHED}{secrets.token_hex(8)}")
    return removed


def _remove_if_unlocked(folder: Path, system: str) -> bool:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return False  # Another export's, published or removed since.
    try:
        return _lock(handle) and _remove(folder, _locked_name(folder.parent, system))
    finally:
        os.close(handle)


def _remove(folder: Path, to: Path) -> bool:
    """Renames first: should its writer be alive after all, it must not publish what is left."""
    try:
        folder.rename(to)
    except FileNotFoundError:
        return False
    shutil.rmtree(to, ignore_errors=True)
    return True


def _age(folder: Path) -> float:
    """Seconds since something was put into the folder; 0 if it is not there any more."""
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _lock(handle: int) -> bool:
    """Locks an open folder for this process; false if another holds it, or it cannot be locked."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _locked_name(base: Path, system: str) -> Path:
    return base / f"{UNFINISHED}{system}-{secrets.token_hex(8)}"


def _running_system() -> str | None:
    """What names this machine's kernel until it starts anew, also in containers; None if nothing.

    Linux draws it at random at each start.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() or None
    except OSError:
        return None
