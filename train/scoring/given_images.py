"""What images can be given as: said before TensorFlow is imported."""

import os
from collections.abc import Mapping
from typing import Any

from tfglow.datasets import embedded
from tfglow.datasets.data_set_check import check_data_set
from tfglow.local_paths import check_local_path


def tfds_dir(config: Mapping[str, Any]) -> str | None:
    """The folder of TFDS data sets that a run's configuration names, if it does."""
    return None if config.get("dataset") == "folder" else config.get("data_dir")


def check_images(what: str, data_dir: str | None) -> None:
    """Refuses what is neither a folder nor a data set that is there.

    Args:
      what: A folder, or the name of a data set.
      data_dir: The folder of TFDS data sets.

    Raises:
      ValueError: If it is neither, or could be both.
    """
    check_local_path(what, "A folder of images")
    if os.path.isdir(what):
        if what in embedded.NAMES:
            raise ValueError(
                f"{what!r} is both an embedded data set and a folder here: ./{what} is the folder."
            )
        return
    if os.path.exists(what):
        raise ValueError(f"{what!r} is a file, expected a folder or the name of a data set.")
    if what == "folder":
        raise ValueError("A folder of images is given by its path, not as 'folder'.")
    try:
        check_data_set(what, data_dir)
    except ValueError as error:
        if os.sep in what or "Unknown data set" in str(error):
            raise ValueError(f"There is no folder {what!r}, and: {error}") from error
        raise
