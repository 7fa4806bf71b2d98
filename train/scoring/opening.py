"""Which images are scored, and what they have in common with those of the run."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from tfglow import GlowConfig, datasets
from tfglow.datasets.folder_files import FolderFiles
from tfglow.datasets.folder_source import FolderSource
from tfglow.pictures.preparation import Preparation
from tfglow.runs import RunFolder
from train.scoring.data_set import DataSet
from train.scoring.folder_set import FolderSet
from train.scoring.given_images import check_images, tfds_dir
from train.scoring.image_set import ImageSet
from train.scoring.model_classes import ModelClasses
from train.skipped import read_skipped

_FOLDER_OPTIONS = ("train_folder", "test_folder", "classes_from", "white")


class Opener:
    """Opens sets of images for a run's model, none of which is read yet.

    Args:
      run: The run.
      data_dir: The folder of TFDS data sets; by default the run's, unless that is one of images.
      label: The class under which images without one of the model's are scored, by its name or
        number; for conditional models.
      bad_images: "skip" or "stop": what is done about files that cannot be read.
      report: A function that is called with what was decided, a sentence at a time.

    Raises:
      ValueError: If `label` is no class of the model.
    """

    def __init__(
        self,
        run: RunFolder,
        *,
        data_dir: str | None = None,
        label: str | None = None,
        bad_images: str = "skip",
        report: Callable[[str], None] = print,
    ) -> None:
        self._run = run
        self._config: dict[str, Any] = run.read_config()
        self._model: GlowConfig = run.model_config()
        self._of_folder = self._config.get("dataset") == "folder"
        self._data_dir = data_dir or tfds_dir(self._config)
        self.preparation = Preparation.of_run(self._config) or Preparation(
            self._model.image_shape, num_bits=self._model.num_bits
        )
        self._stop = bad_images == "stop"
        self._report = report
        self._said: set[str] = set()
        self._classes = ModelClasses(run, self._data_dir, label)

    def open(self, what: str, split: str | None = None, num_images: int | None = None) -> ImageSet:
        """The images of a folder, all of them or those of a split, or those of a data set's split.

        Args:
          what: A folder, or the name of a data set.
          split: The split; by default all of a folder, and "test" of a data set.
          num_images: Takes the first so many; None: all.

        Raises:
          ValueError: If there is neither, it has no such split, its images cannot be had in the
            model's shape, or a conditional model does not know their classes.
        """
        check_images(what, self._data_dir)
        if os.path.isdir(what):
            return self._folder(what, split, num_images)
        return self._data_set(what, split or "test", num_images)

    def own(self, split: str) -> ImageSet:
        """A split of the data that the run was trained on.

        Raises:
          ValueError: If the run names no data, or they have no such split.
        """
        if "dataset" not in self._config:
            raise ValueError(
                f"The run {str(self._run.path)!r} was not trained here and names no data set."
            )
        if self._of_folder:
            return self._folder(self._config["data_dir"], split)
        return self._data_set(self._config["dataset"], split)

    def trained_on(self) -> ImageSet | None:
        """What the run was trained on; None if that is not known, or not there any more."""
        if "dataset" not in self._config:
            return None
        try:
            return self.own(self._config.get("train_split", "train"))
        except ValueError:
            return None

    def _folder(self, folder: str, split: str | None, num_images: int | None = None) -> FolderSet:
        own = self._of_folder and os.path.realpath(folder) == os.path.realpath(
            self._config["data_dir"]
        )
        names: Sequence[str]
        if split is None:
            files = FolderFiles.find_all(folder)
            names, notes = files.names["all"], files.notes
            if files.unread:
                notes += (f"In the folder {folder!r} {files.unread}",)
        else:
            options = {n: self._config[n] for n in _FOLDER_OPTIONS if own and n in self._config}
            source = FolderSource(folder, split, self._model.image_shape, **options)
            names, notes = source.file_names, source.notes
        for note in notes:
            if note not in self._said:
                self._report(note)
        self._said.update(notes)
        left_out = set(read_skipped(self._run) or ()) if own and split is not None else set()
        kept = [name for name in names if name not in left_out][:num_images]
        classes = None
        if self._model.num_classes:
            classes = [self._classes.of_file(folder, name) for name in kept]
        return FolderSet(folder, kept, self.preparation, stop=self._stop, classes=classes)

    def _data_set(self, name: str, split: str, num_images: int | None = None) -> DataSet:
        # A random crop is from another place in every pass; see `Preparation`.
        resize = self.preparation.resize.replace("random_crop", "center_crop")
        data = datasets.load(
            name, split, self._data_dir, self._model.image_shape, resize, cache_bytes=0
        )
        known = self._classes.check_names(name, data.class_names)
        return DataSet(
            data,
            num_images=num_images,
            conditional=self._model.num_classes > 0,
            label=None if known else self._classes.label,
        )
