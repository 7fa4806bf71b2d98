"""What was found out when all files of a folder were read, for the next time."""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Iterable

import PIL

from tfglow.datasets.embedded import user_cache
from tfglow.whole_files import replace_file
from tfglow.writing import UnwritableFile

# Counted up when the reader takes files that it refused, or the other way round.
_READER = 1


@dataclasses.dataclass(frozen=True)
class Check:
    """Which of a folder's files cannot be read, and which have several frames."""

    # (place among the files, why).
    errors: tuple[tuple[int, str], ...]
    animations: tuple[int, ...]


class EarlierChecks:
    """The checks of the user's folders, in `~/.cache/tfglow/checked_folders`, a file each.

    One is found again as long as no file has come, gone, or another size or time of change.

    Args:
      paths: The files, in their order.
      how: What else the outcome depends on, such as the value of white.
    """

    def __init__(self, paths: Iterable[str], how: object) -> None:
        found = hashlib.blake2b(repr((_READER, PIL.__version__, how)).encode(), digest_size=16)
        for path in paths:
            found.update(os.fsencode(path) + b"\0")
            try:
                seen = os.stat(path)
            except OSError:
                continue
            found.update(b"%d %d\0" % (seen.st_size, seen.st_mtime_ns))
        self._path = user_cache() / "checked_folders" / f"{found.hexdigest()}.json"

    @property
    def path(self) -> pathlib.Path:
        """The file."""
        return self._path

    def find(self) -> Check | None:
        """The check of these files as they are; None if there was none, or it cannot be read."""
        try:
            read = json.loads(self._path.read_text("utf-8"))
            errors = tuple((int(place), str(reason)) for place, reason in read["errors"])
            return Check(errors, tuple(map(int, read["animations"])))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def note(self, check: Check) -> None:
        """Writes a check down; without a place to write to, the next time is like the first."""
        with contextlib.suppress(OSError, UnwritableFile):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, json.dumps(dataclasses.asdict(check)))
