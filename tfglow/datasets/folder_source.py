"""A split of a folder of images."""

import collections
import os
import warnings
from collections.abc import Collection

import numpy as np
import tensorflow as tf

from tfglow.datasets.folder_files import FolderFiles
from tfglow.datasets.folder_layout import shown
from tfglow.datasets.python_calls import python_call
from tfglow.datasets.randomness import permutation
from tfglow.datasets.source import DrawnFit, Source
from tfglow.datasets.splits import empty_split, resolve_split, select
from tfglow.datasets.unreadable_images import SkippedImage
from tfglow.pictures.in_parallel import in_parallel
from tfglow.pictures.picture_fit import PictureFit
from tfglow.pictures.reading import picture_shape, read_picture
from tfglow.pictures.unreadable_picture import UnreadablePicture

# Files that one call of Python's reads: a call costs as much as a small file.
_READ_AT_ONCE = 8


class FolderSource(Source):
    """Reads the image files of a folder, one by one, by `tfglow.pictures.reading`.

    `FolderFiles` says what becomes a split and a class.

    Args:
      folder: The folder.
      split: "train", "test" or a TFDS split specification of these, see `resolve_split`.
      image_shape: What the images will be fitted to; their channels are converted to its number.
        None: every image must be of the same size, and they are grey if all of them are.
      train_folder: See `FolderFiles.find`, as of the next two.
      test_folder: Likewise.
      classes_from: Likewise.
      white: The value of white in samples of more than 8 bits, see `read_picture`.
      left_out: Names of files, relative to the folder, that are left out of their split.

    Raises:
      ValueError: If the folder has no images or no such split, or the images' sizes differ without
        an `image_shape`.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        split: str,
        image_shape: tuple[int, int, int] | None = None,
        *,
        train_folder: str | None = None,
        test_folder: str | None = None,
        classes_from: str = "auto",
        white: int | None = None,
        left_out: Collection[str] = (),
    ) -> None:
        files = FolderFiles.find(folder, train_folder, test_folder, classes_from)
        self.notes = files.notes
        if files.unread:
            warnings.warn(f"In the folder {os.fspath(folder)!r} {files.unread}", stacklevel=3)
        self.name = "folder"
        self.split = resolve_split(split, list(files.names))
        self.split_sizes = {key: len(members) for key, members in files.names.items()}
        names = select(files.names, self.split, self.name)
        self.class_names = files.class_names
        self.white = white
        self.folder = os.fspath(folder)
        labels = files.labels(names)
        left_out = set(left_out)
        kept = [i for i, name in enumerate(names) if name not in left_out]
        if not names and split == "test" and sum(self.split_sizes.values()) == 1:
            raise ValueError(
                f"The folder {self.folder!r} holds a single image, and none for the split "
                f"{split!r}: it needs two."
            )
        if not kept:
            raise empty_split(split, self.name)
        self._images: np.ndarray | None = None
        # Of this split.
        self.left_out = tuple(
            SkippedImage(name, "it was left out before.") for name in names if name in left_out
        )
        self.num_images = len(kept)
        # Relative to the folder.
        self.file_names = tuple(names[i] for i in kept)
        self.labels = np.array([labels[i] for i in kept], dtype=np.int32)
        if image_shape is None:
            self.image_shape = self._own_shape()
        else:
            self.image_shape = (None, None, image_shape[-1])

    @property
    def paths(self) -> list[str]:
        """The files."""
        return [os.path.join(self.folder, name) for name in self.file_names]

    def elements(self, key: int | None, first: int = 0) -> tf.data.Dataset:
        order = np.arange(self.num_images) if key is None else permutation(self.num_images, key)
        order = order[first:]
        return tf.data.Dataset.from_tensor_slices((order, self.labels[order]))

    def image_batches(
        self, elements: tf.data.Dataset, fit: DrawnFit, batch_size: int, drop_remainder: bool
    ) -> tf.data.Dataset:
        pictures = fit.image_fit.pictures

        def read_files(numbers: np.ndarray, draws: np.ndarray) -> np.ndarray:
            images = [self._read(*which, pictures) for which in zip(numbers, draws, strict=True)]
            return np.stack(images)

        def read(
            positions: tf.Tensor, elements: tuple[tf.Tensor, tf.Tensor]
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            numbers, labels = elements
            draws = tf.gather(fit.draws, positions)
            images = python_call(read_files, [numbers, draws], tf.uint8)
            return positions, tf.ensure_shape(images, [None, *pictures.image_shape]), labels

        read_at_once = elements.batch(min(_READ_AT_ONCE, batch_size))
        images = read_at_once.map(read, num_parallel_calls=tf.data.AUTOTUNE)
        return images.rebatch(batch_size, drop_remainder=drop_remainder)

    def keep_images(self, image_shape: tuple[int, int, int]) -> None:
        """Keeps each image in memory once it was read, fitted to a shape; from then on."""
        self._images = np.empty([self.num_images, *image_shape], np.uint8)
        self._have = np.zeros(self.num_images, np.bool_)

    def keep(self, places: Collection[int]) -> None:
        """Leaves out all files but those at these places."""
        self.file_names = tuple(self.file_names[i] for i in places)
        self.labels = self.labels[list(places)]
        self.num_images = len(self.file_names)

    def _read(self, number: int, draws: np.ndarray, pictures: PictureFit) -> np.ndarray:
        """An image, from its file or from memory, fitted."""
        if self._images is not None and self._have[number]:
            return self._images[number]
        path = os.path.join(self.folder, self.file_names[number])
        image = read_image(path, self.image_shape, self.white)
        image = pictures.fit(image, (draws[0], draws[1]))
        if self._images is not None:
            self._images[number] = image
            self._have[number] = True
        return image

    def _own_shape(self) -> tuple[int, int, int]:
        """The shape of all images, by the files' headers."""
        found: dict[tuple[int, int], list[str]] = collections.defaultdict(list)
        modes: collections.Counter[int] = collections.Counter()
        shapes = in_parallel(_shape_or_none, self.paths)
        for name, shape in zip(self.file_names, shapes, strict=True):
            if shape is not None:
                found[shape[:2]].append(name)
                modes[shape[-1]] += 1
        if not found:
            read_image(self.paths[0])  # Says why it cannot be read.
        sizes = sorted(found, key=lambda size: -len(found[size]))
        if len(sizes) > 1:
            counted = ", ".join(
                f"{len(found[size])} of {size[0]}x{size[1]} ({shown(found[size][0])})"
                for size in sizes[:3]
            )
            more = f" and {len(sizes) - 3} sizes more" if len(sizes) > 3 else ""
            raise ValueError(
                f"The images of {self.folder!r} differ in size, {counted}{more}: `image_shape`, "
                "such as --image_shape=64,64,3, says what to bring them to."
            )
        if len(modes) > 1:
            self.notes += (
                f"{modes[1]} of {modes.total()} images are grey, and are read in colour as the "
                "others.",
            )
        return *sizes[0], max(modes)


def read_image(
    path: str | os.PathLike,
    image_shape: tuple[int | None, int | None, int] | None = None,
    white: int | None = None,
) -> np.ndarray:
    """The pixels of an image file, uint8 [h, w, c].

    Args:
      path: The file's name.
      image_shape: The channels to convert to, and the height and width that the image must have
        (None: any).
      white: See `read_picture`.

    Raises:
      UnreadablePicture: If the file cannot be read, or the image has another size.
    """
    path = os.fsdecode(path)
    channels = None if image_shape is None else image_shape[-1]
    image = read_picture(path, channels, white)
    check_size(path, image, image_shape)
    return image


def check_size(
    path: str, image: np.ndarray, image_shape: tuple[int | None, int | None, int] | None
) -> None:
    """Raises UnreadablePicture if an image has not the size that all of its data set must have."""
    if image_shape is not None and image_shape[0] is not None and image.shape != image_shape:
        raise UnreadablePicture(
            path, f"its shape is {image.shape}, but the other images' is {tuple(image_shape)}."
        )


def _shape_or_none(path: str) -> tuple[int, int, int] | None:
    try:
        return picture_shape(path)
    except UnreadablePicture:
        return None
