"""Whether a data set is there: said before TensorFlow is imported for it."""

import os

from tfglow.datasets.image_folder import check_image_folder
from tfglow.datasets.tfds_names import check_prepared


def check_data_set(name: str, data_dir: str | os.PathLike | None = None) -> None:
    """Refuses a name that `tfglow.datasets.load` does not know, and data that are not there.

    Raises:
      ValueError: If `name` is no data set's, `data_dir` is no folder of images, or no folder of
        TFDS that holds the data set.
    """
    if name == "folder":
        check_image_folder(data_dir)
    else:
        # As `load` reads an empty path.
        check_prepared(name, os.path.expanduser(data_dir) if data_dir else None)
