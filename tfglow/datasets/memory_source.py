"""A split whose images are held in memory."""

import numpy as np
import tensorflow as tf

from tfglow.datasets.errors import one_sentence
from tfglow.datasets.image_fit import DRAWS, ImageFit
from tfglow.datasets.randomness import permutation
from tfglow.datasets.source import DrawnFit, Source


class MemorySource(Source):
    """A split of another source, decoded and fitted once, as one uint8 tensor [N, H, W, C].

    While it is made the images are in memory twice.

    Args:
      source: The source that the images are from.
      images: The images, uint8 [N, H, W, C], in the order of its elements.
      labels: Their labels, int32 [N].
    """

    def __init__(self, source: Source, images: np.ndarray | tf.Tensor, labels: np.ndarray) -> None:
        self.name = source.name
        self.split = source.split
        self.split_sizes = source.split_sizes
        self.num_images = len(labels)
        self.image_shape = tuple(images.shape[1:])
        self.class_names = source.class_names
        self.notes = source.notes
        # On the CPU, where the pipeline reads them, also on a machine with an accelerator.
        with tf.device("CPU:0"):
            self._images = tf.convert_to_tensor(images)
        self._labels = labels

    @classmethod
    @tf.autograph.experimental.do_not_convert  # As in `ImageData.batches`.
    def read(cls, source: Source, fit: ImageFit) -> "MemorySource":
        """Reads another source.

        Args:
          source: The source.
          fit: How its images become [H, W, C]; it must be deterministic.

        Raises:
          ValueError: If an image cannot be read, or `fit` is not deterministic.
        """
        if not fit.deterministic:
            raise ValueError(f"Images of `resize` = {fit.resize!r} differ from epoch to epoch.")
        batches = source.image_batches(
            source.elements(None).enumerate(),
            DrawnFit(fit, tf.zeros([source.num_images, DRAWS])),
            batch_size=source.num_images,
            drop_remainder=True,
        )
        with tf.device("CPU:0"):
            try:
                _, images, labels = batches.get_single_element()
            except tf.errors.OpError as error:
                raise ValueError(one_sentence(error, source.name, source.split)) from error
        return cls(source, images, labels.numpy())

    def elements(self, key: int | None, first: int = 0) -> tf.data.Dataset:
        order = np.arange(self.num_images) if key is None else permutation(self.num_images, key)
        order = order[first:]
        return tf.data.Dataset.from_tensor_slices((order, self._labels[order]))

    def image_batches(
        self, elements: tf.data.Dataset, fit: DrawnFit, batch_size: int, drop_remainder: bool
    ) -> tf.data.Dataset:
        del fit  # the images went through it when they were read
        # Whole batches are looked up at once, which is several times faster than image by image.
        batches = elements.batch(batch_size, drop_remainder=drop_remainder)
        return batches.map(
            lambda positions, elements: (
                positions,
                tf.gather(self._images, elements[0]),
                elements[1],
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
