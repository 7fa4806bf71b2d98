"""The classes of a conditional model, by their names."""

import os
from collections.abc import Sequence

from tfglow import datasets
from tfglow.datasets.folder_files import FolderFiles
from tfglow.runs import RunFolder


class ModelClasses:
    """The classes that a run's model knows, in order.

    Their names are those of the data that the run was trained on; where these are not known, or
    gone, they are numbers.

    Args:
      run: The run.
      data_dir: The folder of TFDS data sets.
      label: The class under which images without one are scored, by its name or number.

    Raises:
      ValueError: If `label` is none of them.
    """

    def __init__(self, run: RunFolder, data_dir: str | None, label: str | None) -> None:
        num_classes = run.model_config().num_classes
        self.names: tuple[str, ...] = ()
        self.label: int | None = None
        if num_classes:
            found = _own_names(run, data_dir)
            self.names = found if len(found) == num_classes else tuple(map(str, range(num_classes)))
        if label is not None:
            self.label = self._number(label)

    def check_names(self, name: str, class_names: Sequence[str]) -> bool:
        """Whether a data set's labels are the model's classes; false where `label` is taken.

        Raises:
          ValueError: If they are not, and there is no `label`.
        """
        if not self.names or tuple(class_names) == self.names:
            return True
        if self.label is None:
            raise ValueError(
                f"The model is conditional, and {name!r} has not its classes ({self._shown()}): "
                "--label=CLASS says under which to score."
            )
        return False

    def of_file(self, folder: str, name: str) -> int:
        """The number of a file's class: that of the nearest folder above it called like one.

        Raises:
          ValueError: If there is none, and no `label`.
        """
        for part in reversed(name.split("/")[:-1]):
            if part in self.names:
                return self.names.index(part)
        if self.label is None:
            raise ValueError(
                f"The model is conditional, and {os.path.join(folder, name)!r} is in no folder "
                f"below {folder!r} called like one of its classes ({self._shown()}): --label=CLASS "
                "says under which to score such images."
            )
        return self.label

    def _number(self, label: str) -> int:
        if not self.names:
            raise ValueError(f"--label={label} is for a conditional model, and this is none.")
        if label in self.names:
            return self.names.index(label)
        if label.isdecimal() and int(label) < len(self.names):
            return int(label)
        raise ValueError(f"--label={label} must be one of the model's classes: {self._shown()}.")

    def _shown(self) -> str:
        more = f" and {len(self.names) - 12} more" if len(self.names) > 12 else ""
        return ", ".join(self.names[:12]) + more


def _own_names(run: RunFolder, data_dir: str | None) -> tuple[str, ...]:
    """Those of the data that a run was trained on; none where these cannot be opened."""
    config = run.read_config()
    try:
        if config.get("dataset") == "folder":
            options = {
                name: config[name]
                for name in ("train_folder", "test_folder", "classes_from")
                if name in config
            }
            return FolderFiles.find(config["data_dir"], **options).class_names
        if "dataset" in config:
            shape = tuple(config["model"]["image_shape"])
            split = config.get("train_split", "train")
            return datasets.load(
                config["dataset"], split, data_dir, shape, cache_bytes=0
            ).class_names
    except ValueError:
        pass
    return ()
