"""A folder of results that is there complete, or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tfglow.local_paths import check_local_path
from tfglow.runs.unfinished import remove_abandoned, unfinished_folder
from tfglow.writing import writing


def check_output_folder(path: str | os.PathLike) -> Path:
    """Refuses a folder for results, before any work is done for them.

    Raises:
      ValueError: If it is a URL, a file, or a folder that holds something; or if the folder that it
        is to be in does not exist.
    """
    place = Path(check_local_path(path, "The folder for the results"))
    if place.is_dir():
        if any(place.iterdir()):
            raise ValueError(f"{str(path)!r} holds files: give a folder that is empty, or is new.")
    elif os.path.lexists(place):
        raise ValueError(f"{str(path)!r} is a file, expected a folder for the results.")
    elif not place.absolute().parent.is_dir():
        raise ValueError(f"The folder of {str(path)!r}, for the results, does not exist.")
    return place


@contextlib.contextmanager
def output_folder(path: Path) -> Iterator[Path]:
    """An empty folder to write to, which becomes `path` at the end; with an error it is removed.

    What a killed process leaves behind begins with a dot, and goes with the next.

    Raises:
      UnwritableFile: If it cannot be written; a `ValueError`.
    """
    path = path.absolute()
    with contextlib.ExitStack() as stack:
        with writing(path):
            remove_abandoned(path.parent)
            folder = stack.enter_context(unfinished_folder(path.parent))
        yield folder
        with writing(path):
            folder.rename(path)
