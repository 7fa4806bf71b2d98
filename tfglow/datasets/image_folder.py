"""Whether a folder of images is there: said before anything is looked at."""

import os

from tfglow.local_paths import check_local_path


def check_image_folder(data_dir: str | os.PathLike | None) -> str:
    """The folder of images, if it is one.

    Raises:
      ValueError: If none is given, it is a URL, or there is no such folder.
    """
    if data_dir is None:
        raise ValueError("The data set 'folder' needs `data_dir`, the folder of images.")
    folder = os.path.expanduser(check_local_path(data_dir, "`data_dir`"))
    if not os.path.isdir(folder):
        raise ValueError(f"`data_dir` = {folder!r} is not a folder.")
    return folder
