"""A split of a folder of images."""

import os

import numpy as np
import tensorflow as tf

from tfglow.datasets.channels import convert_channels
from tfglow.datasets.errors import runtime_message, unreadable_file
from tfglow.datasets.folder_files import FolderFiles
from tfglow.datasets.randomness import permutation
from tfglow.datasets.source import Fit, Source, decode_and_batch
from tfglow.datasets.splits import empty_split, resolve_split, select


class FolderSource(Source):
    """Reads image files (PNG, JPEG, BMP, WebP; of a GIF the first frame) of a folder, one by one.

    `FolderFiles` says what becomes a split and a class. The orientation that a camera may have
    noted in a file is not looked at.

    Args:
      folder: The folder.
      split: "train", "test" or a TFDS split specification of these, see `resolve_split`.
      image_shape: What the images will be fitted to; their channels are converted to its number.
        None: every image must have the shape of the first.
      train_folder: See `FolderFiles.find`, as of the next two.
      test_folder: Likewise.
      classes_from: Likewise.

    Raises:
      ValueError: If the folder has no images or no such split, or its first image cannot be read.
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
    ) -> None:
        files = FolderFiles.find(folder, train_folder, test_folder, classes_from)
        self.notes = files.notes
        self.name = "folder"
        self.split = resolve_split(split, list(files.names))
        names = select(files.names, self.split, self.name)
        if not names:
            raise empty_split(split, self.name)
        self.num_images = len(names)
        self.class_names = files.class_names
        self._paths = np.array([os.path.join(os.fspath(folder), name) for name in names])
        self._labels = np.array(files.labels(names), dtype=np.int32)
        if image_shape is None:
            self.image_shape = read_image(self._paths[0]).shape
        else:
            self.image_shape = (None, None, image_shape[-1])
            read_image(self._paths[0], self.image_shape)

    def elements(self, key: int | None) -> tf.data.Dataset:
        order = np.arange(self.num_images) if key is None else permutation(self.num_images, key)
        return tf.data.Dataset.from_tensor_slices((self._paths[order], self._labels[order]))

    def image_batches(
        self, elements: tf.data.Dataset, fit: Fit, batch_size: int, drop_remainder: bool
    ) -> tf.data.Dataset:
        return decode_and_batch(elements, self._decode, fit, batch_size, drop_remainder)

    def _decode(self, path: tf.Tensor) -> tf.Tensor:
        # In Python, so that an error can name the file; the decoder's own message does not.
        image = tf.numpy_function(
            lambda path: read_image(path.decode(), self.image_shape),
            [path],
            tf.uint8,
            stateful=False,
        )
        return tf.ensure_shape(image, self.image_shape)


def read_image(
    path: str, image_shape: tuple[int | None, int | None, int] | None = None
) -> np.ndarray:
    """The pixels of an image file, uint8 [h, w, c].

    Args:
      path: The file's name.
      image_shape: The channels to convert to, and the height and width that the image must have
        (None: any).

    Raises:
      ValueError: If the file cannot be read, or the image has another size. Quotes the name.
    """
    path = str(path)
    try:
        with tf.device("CPU:0"):
            image = tf.io.decode_image(tf.io.read_file(path), expand_animations=False)
            if image_shape is not None:
                image = convert_channels(image, image_shape[-1])
    except tf.errors.OpError as error:
        raise unreadable_file(path, runtime_message(error)) from error
    except ValueError as error:
        raise unreadable_file(path, str(error)) from error
    shape = tuple(image.shape)
    if image_shape is not None and image_shape[0] is not None and shape != tuple(image_shape):
        raise unreadable_file(
            path, f"its shape is {shape}, but the first image's is {tuple(image_shape)}."
        )
    return image.numpy()
