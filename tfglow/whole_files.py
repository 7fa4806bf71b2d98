"""Files that are there complete or not at all. Nothing here needs TensorFlow."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tfglow.local_paths import check_local_path
from tfglow.writing import writing

# How a file's name goes on while it is written beside its place; it begins with "." and that name.
_UNFINISHED = ".unfinished"


def check_place(path: str | os.PathLike) -> None:
    """Refuses a place that no file can be written to, before the work whose result it is for.

    Raises:
      ValueError: If `path` is a URL or a folder, or its folder does not exist.
    """
    place = Path(check_local_path(path, "A file to write"))
    if place.is_dir():
        raise ValueError(f"A file to write must be no folder, got {str(path)!r}.")
    if not place.parent.is_dir():
        raise ValueError(f"The folder of {str(path)!r}, a file to write, does not exist.")


def replace_file(path: str | os.PathLike, content: bytes | str) -> None:
    """Writes a file so that a reader, or a crash, never sees half of it.

    Args:
      path: The file; what was there is replaced. Its folder must exist.
      content: All of it; text is written as UTF-8.

    Raises:
      ValueError: If `path` is a URL.
      UnwritableFile: If it cannot be written, such as to a full disk.
    """
    with replacing(path) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Gives an empty file beside `path`, with its ending, which takes its place at the end.

    With an error what was there stays, and the file beside is removed. Raises as `replace_file`.
    """
    check_local_path(path, "A file to write")
    path = Path(path)
    with writing(path):
        handle, name = tempfile.mkstemp(_UNFINISHED + path.suffix, f".{path.name}.", path.parent)
        os.close(handle)
        unfinished = Path(name)
        try:
            yield unfinished
            to_disk(unfinished)
            os.chmod(unfinished, 0o666 & ~_umask())  # mkstemp's files are private.
            os.replace(unfinished, path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


def remove_unfinished(folder: str | os.PathLike, name: str = "*") -> None:
    """Removes what processes that were killed in `replace_file` left in a folder.

    Args:
      folder: The folder; nobody else may be writing there.
      name: The file that was to be replaced; by default any.
    """
    for file in Path(folder).glob(f".{name}.*{_UNFINISHED}*"):
        file.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """Waits until a file or folder is on the disk: no name may come there before its content."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
