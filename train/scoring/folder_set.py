"""Images of a folder."""

import os
from collections.abc import Iterator, Sequence

import numpy as np

from tfglow.datasets import SkippedImage
from tfglow.pictures.in_parallel import in_parallel
from tfglow.pictures.preparation import Preparation
from tfglow.pictures.unreadable_picture import UnreadablePicture
from train.scoring.image_set import Batch, ImageSet


class FolderSet(ImageSet):
    """Image files, read and fitted as those that a run was trained on.

    A file's label is the folder that it is in, relative to the one that was given.

    Args:
      folder: The folder.
      names: The files, relative to it, "/" between folders.
      preparation: How a file becomes an image of the model.
      stop: Whether a file that cannot be read ends it all, rather than being passed over.
      classes: The class of each image, for a conditional model.
    """

    def __init__(
        self,
        folder: str,
        names: Sequence[str],
        preparation: Preparation,
        *,
        stop: bool = False,
        classes: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.description = f"the folder {folder!r}"
        self.num_images = len(names)
        self.folder = folder
        self.names = tuple(names)
        self._preparation = preparation
        self._stop = stop
        self._classes = classes

    def batches(self, batch_size: int) -> Iterator[Batch]:
        places: list[int] = []
        pictures: list[tuple[np.ndarray, tuple[int, int]]] = []
        for place, result in enumerate(in_parallel(self._read, self.names)):
            if isinstance(result, UnreadablePicture):
                self._pass_over(place, result)
                continue
            places.append(place)
            pictures.append(result)
            if len(places) == batch_size:
                yield self._batch(places, pictures)
                places, pictures = [], []
        if places:
            yield self._batch(places, pictures)

    def count_shared(self, other: ImageSet) -> int:
        if not isinstance(other, FolderSet):
            return 0
        files = other.files()
        return sum(file in files for file in self.files())

    def paths(self) -> Iterator[str]:
        """The files, as in the batches."""
        return (os.path.join(self.folder, name) for name in self.names)

    def files(self) -> set[str]:
        """The files, absolute."""
        folder = os.path.realpath(self.folder)
        return {os.path.normpath(os.path.join(folder, name)) for name in self.names}

    def without(self, other: ImageSet) -> "FolderSet":
        """This set without the files that are in the other, too."""
        files = other.files() if isinstance(other, FolderSet) else set()
        folder = os.path.realpath(self.folder)
        kept = [
            place
            for place, name in enumerate(self.names)
            if os.path.normpath(os.path.join(folder, name)) not in files
        ]
        return FolderSet(
            self.folder,
            [self.names[i] for i in kept],
            self._preparation,
            stop=self._stop,
            classes=None if self._classes is None else [self._classes[i] for i in kept],
        )

    def _read(self, name: str) -> tuple[np.ndarray, tuple[int, int]] | UnreadablePicture:
        """An image of the model, with the picture's height and width."""
        try:
            picture = self._preparation.read(os.path.join(self.folder, name))
        except UnreadablePicture as error:
            return error
        return self._preparation.fit(picture), (picture.shape[0], picture.shape[1])

    def _pass_over(self, place: int, error: UnreadablePicture) -> None:
        if self._stop:
            raise ValueError(f"{error} --bad_images=skip passes over such files.") from error
        self.skipped.append(SkippedImage(self.names[place], error.reason))

    def _batch(
        self, places: list[int], pictures: list[tuple[np.ndarray, tuple[int, int]]]
    ) -> Batch:
        names = [self.names[place] for place in places]
        return Batch(
            names=[os.path.join(self.folder, name) for name in names],
            labels=[os.path.dirname(name) for name in names],
            images=np.stack([image for image, _ in pictures]),
            sizes=[size for _, size in pictures],
            classes=None
            if self._classes is None
            else np.array([self._classes[place] for place in places], np.int32),
        )
