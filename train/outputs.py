"""Places for results, checked before any work is done for them."""

import os
from pathlib import Path


def check_output(path: str | os.PathLike, ending: str) -> Path:
    """Refuses a file that cannot be written, before any work is done for it.

    Raises:
      ValueError: If the name has another ending or is a folder's, or its folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() != ending:
        raise ValueError(f"{str(path)!r} must end in {ending}.")
    if not path.parent.is_dir():
        raise ValueError(f"The folder of {str(path)!r} does not exist.")
    if path.is_dir():
        raise ValueError(f"{str(path)!r} is a folder, expected a file to write.")
    return path


def check_folder(path: str | os.PathLike) -> Path:
    """Refuses what cannot be a folder for results; it is made when there is something to write.

    Raises:
      ValueError: If it is a file.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise ValueError(f"{str(path)!r} is a file, expected a folder for the results.")
    return path
