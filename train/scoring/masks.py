"""Which pixels of an anomaly are anomalous."""

import os
from collections.abc import Iterator

import numpy as np

from tfglow.pictures.in_parallel import in_parallel
from tfglow.pictures.kinds import EXTENSIONS, is_picture_name
from tfglow.pictures.preparation import Preparation
from tfglow.pictures.reading import picture_shape, read_picture
from tfglow.pictures.unreadable_picture import UnreadablePicture
from train.scoring.folder_set import FolderSet

# As MVTec AD calls the folder beside its splits.
_GROUND_TRUTH = "ground_truth"
# The folder given, and so many above it, may be beside it.
_LEVELS_ABOVE = 3
# How many wrong masks an error names.
_NAMED = 10


class Masks:
    """Masks of the images of a folder, by their names.

    Of `P/test/broken/7.png` the mask is `P/ground_truth/broken/7.png` or `7_mask.png` there, as in
    MVTec AD; or `MASKS/broken/7.png`, where masks are in a folder of their own and
    `P/test` is the folder that was given. It may have another ending, and be a folder of several
    masks (`7/000.png`), as in MVTec LOCO. What is brighter than half of its brightest pixel is
    anomalous.

    Args:
      images: The images.
      preparation: How they become images of the model; masks go the same way.
      folder: The folder of the masks; None: a folder called ground_truth is looked for.
    """

    def __init__(
        self, images: FolderSet, preparation: Preparation, folder: str | None = None
    ) -> None:
        self._given = folder is not None
        self._images = images
        self._preparation = preparation
        # The folder of the masks; None if there is none.
        self.folder = folder if folder is not None else _ground_truth(images.folder)

    def files(self, path: str) -> list[str]:
        """The mask, or the masks, of an image; none if it has none."""
        return next(filter(None, map(_files, self._places(path))), [])

    def check(self) -> None:
        """Reads all masks, so that a wrong one is refused before any image is scored.

        An image that cannot be read is left to who reads it.

        Raises:
          ValueError: If masks cannot be read, or have not their images' sizes; all are named, up to
            ten.
        """
        errors = [
            error for error in in_parallel(self._problem, list(self._images.paths())) if error
        ]
        if errors:
            more = f" And {len(errors) - _NAMED} more." if len(errors) > _NAMED else ""
            raise ValueError(" ".join(errors[:_NAMED]) + more)

    def _problem(self, path: str) -> str | None:
        """What is wrong with the masks of an image."""
        if not self.files(path):
            return None
        try:
            size = picture_shape(path)[:2]
        except UnreadablePicture:
            return None
        try:
            self._mask(path, (size[0], size[1]))
        except ValueError as error:
            return str(error)
        return None

    def read(self, path: str, size: tuple[int, int]) -> np.ndarray | None:
        """The mask of an image in the model's size, bool `[H, W]`; None if it has none.

        Args:
          path: The image's path, as in its batch.
          size: Its own height and width.

        Raises:
          ValueError: If a mask cannot be read, or has not the image's size.
        """
        mask = self._mask(path, size)
        if mask is None:
            return None
        channels = self._preparation.image_shape[-1]
        shown = np.repeat(np.uint8(255) * mask[..., None], channels, axis=-1)
        return self._preparation.fit(shown)[..., 0] >= 128

    def _mask(self, path: str, size: tuple[int, int]) -> np.ndarray | None:
        """The mask of an image in its own size, bool `[h, w]`."""
        files = self.files(path)
        if not files:
            return None
        mask = np.zeros(size, bool)
        for file in files:
            try:
                picture = read_picture(file, channels=1)[..., 0]
            except UnreadablePicture as error:
                raise ValueError(f"The mask of {path!r}: {error}") from error
            if picture.shape != size:
                raise ValueError(
                    f"The mask {file!r} has {picture.shape[0]}x{picture.shape[1]} pixels, and its "
                    f"image {path!r} {size[0]}x{size[1]}."
                )
            mask |= picture > picture.max() / 2
        return mask

    def _places(self, path: str) -> Iterator[str]:
        """Where a mask may be, without its ending."""
        if self.folder is None:
            return
        if self._given:
            yield _stem(self.folder, os.path.relpath(path, self._images.folder))
            return
        inside = os.path.relpath(os.path.abspath(path), os.path.dirname(self.folder))
        yield _stem(self.folder, inside)
        # Without the split's name.
        yield _stem(self.folder, inside.partition(os.sep)[2])


def _stem(folder: str, name: str) -> str:
    return os.path.join(folder, os.path.splitext(name)[0])


def _ground_truth(folder: str) -> str | None:
    """The folder called ground_truth that is in a folder, or beside it or one above."""
    above = os.path.abspath(folder)
    for _ in range(_LEVELS_ABOVE):
        found = os.path.join(above, _GROUND_TRUTH)
        if os.path.isdir(found):
            return found
        above = os.path.dirname(above)
    return None


def _files(stem: str) -> list[str]:
    """The mask, or the masks, of such a name."""
    if os.path.isdir(stem):
        return sorted(
            os.path.join(stem, name) for name in os.listdir(stem) if is_picture_name(name)
        )
    for name in (stem, f"{stem}_mask"):
        for ending in EXTENSIONS:
            for file in (name + ending, name + ending.upper()):
                if os.path.isfile(file):
                    return [file]
    return []
