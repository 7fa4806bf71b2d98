"""A split of a TFDS data set that was prepared as ArrayRecord."""

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfglow.datasets.python_calls import python_call
from tfglow.datasets.randomness import permutation
from tfglow.datasets.source import DrawnFit, Source, decode_and_batch
from tfglow.datasets.tfds_split import TfdsSplit

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

# Records that are read together: a call of Python's, for all of them.
_READ_AT_ONCE = 32


class ArrayRecordSource(Source):
    """Reads the records of a TFDS split by their numbers, in any order; decodes images one by one.

    An epoch's order is a permutation of all numbers, and what a worker leaves out, or a resumed run
    has done already, is not read.

    Args:
      builder: The data set's builder, prepared with `file_format="array_record"`.
      split: "train", "test" or a TFDS split specification, see `resolve_split`.

    Raises:
      ValueError: If there is no such split, it is empty, the data set has no uint8 images, or the
        package array_record is not installed.
    """

    def __init__(self, builder: "tfds.core.DatasetBuilder", split: str) -> None:
        own = self._own = TfdsSplit.open(builder, split)
        own.describe(self)
        try:
            self._records = builder.as_data_source(split=own.split, decoders=own.undecoded())
        except ImportError as error:
            raise ValueError(
                f"The data set {self.name!r} is prepared as ArrayRecord, which needs the package "
                f"array_record: {error}."
            ) from error

    def elements(self, key: int | None, first: int = 0) -> tf.data.Dataset:
        order = np.arange(self.num_images) if key is None else permutation(self.num_images, key)
        order = order[first:]
        # The label comes with the record.
        return tf.data.Dataset.from_tensor_slices((order, np.zeros(len(order), np.int32)))

    def image_batches(
        self, elements: tf.data.Dataset, fit: DrawnFit, batch_size: int, drop_remainder: bool
    ) -> tf.data.Dataset:
        read = elements.batch(_READ_AT_ONCE).map(self._read, num_parallel_calls=tf.data.AUTOTUNE)
        return decode_and_batch(
            read.unbatch(), self._own.image_feature.decode_example, fit, batch_size, drop_remainder
        )

    def _read(
        self, positions: tf.Tensor, elements: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """`(position, (encoded image, label))` of the records with these numbers."""
        payloads, labels = python_call(self._read_records, [elements[0]], [tf.string, tf.int32])
        return positions, (tf.ensure_shape(payloads, [None]), tf.ensure_shape(labels, [None]))

    def _read_records(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        records = self._records.__getitems__(numbers.tolist())
        payloads = np.array([record[self._own.image_key] for record in records], dtype=object)
        label_key = self._own.label_key
        labels = [record[label_key] if label_key else 0 for record in records]
        return payloads, np.array(labels, dtype=np.int32)
