"""Files that are there complete or not at all."""

import os
import tempfile
from pathlib import Path

from tfglow.local_paths import check_local_path
from tfglow.writing import writing

# How a file's name ends while it is written beside its place; it begins with "." and that name.
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
    check_local_path(path, "A file to write")
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    with writing(path):
        handle, temporary = tempfile.mkstemp(_UNFINISHED, f".{path.name}.", path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's files are private.
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def remove_unfinished(folder: str | os.PathLike, name: str = "*") -> None:
    """Removes what processes that were killed in `replace_file` left in a folder.

    Args:
      folder: The folder; nobody else may be writing there.
      name: The file that was to be replaced; by default any.
    """
    for file in Path(folder).glob(f".{name}.*{_UNFINISHED}"):
        file.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
