"""A split of a TFDS data set."""

import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfglow.datasets.randomness import permutation
from tfglow.datasets.source import DrawnFit, Source, decode_and_batch
from tfglow.datasets.tfds_split import TfdsSplit

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

# Encoded records are shuffled in windows of so many bytes. Up to three are alive at a time: one is
# read from while the next is shuffled and the one after collected.
WINDOW_BYTES = 256 * 2**20

# As TFDS has it.
_FILES_AT_ONCE = 16
_RECORDS_IN_A_ROW = 16


class TfdsSource(Source):
    """Reads the encoded records of a TFDS split; images are decoded one by one.

    Records are files to be read from start to end, so an order is made in two steps: the files of
    the split are read in a random order, sixteen at a time, and the records are shuffled within
    windows of 256 MiB. (TFDS itself stores the records of most data sets shuffled.) A split smaller
    than a window is shuffled fully.

    Args:
      builder: The data set's builder, prepared.
      split: "train", "test" or a TFDS split specification, see `resolve_split`.

    Raises:
      ValueError: If there is no such split, it is empty, or the data set has no uint8 images.
    """

    def __init__(self, builder: "tfds.core.DatasetBuilder", split: str) -> None:
        own = self._own = TfdsSplit.open(builder, split)
        own.describe(self)
        self._window = min(self.num_images, _records_per_window(builder))

    def elements(self, key: int | None, first: int = 0) -> tf.data.Dataset:
        if key is None:
            records = self._stored().skip(first)
        else:
            number, rest = divmod(first, self._window)
            records = self._read(key).skip(number * self._window)
            windows = records.batch(self._window).enumerate(number)
            windows = windows.map(
                lambda number, window: _shuffled(window, number, tf.constant(key, tf.int64))
            )
            # Collects the next window while this one is read from.
            records = windows.prefetch(1).unbatch().skip(rest)
            if self._raw:
                records = records.map(self._parse, num_parallel_calls=tf.data.AUTOTUNE)
        left = self.num_images - first
        return records.apply(tf.data.experimental.assert_cardinality(left))

    def image_batches(
        self, elements: tf.data.Dataset, fit: DrawnFit, batch_size: int, drop_remainder: bool
    ) -> tf.data.Dataset:
        return decode_and_batch(elements, self._decode, fit, batch_size, drop_remainder)

    def _decode(self, payload: tf.Tensor) -> tf.Tensor:
        return self._own.image_feature.decode_example(payload)

    @property
    def _raw(self) -> bool:
        """Whether the files are TFRecords, which are read as they are, and parsed when needed."""
        file_format = self._own.builder.info.file_format
        return file_format is None or file_format.value == "tfrecord"

    def _read(self, key: int) -> tf.data.Dataset:
        """The records from files in a random order, sixteen at a time.

        Serialized, as strings, if they are `_raw`: passing over such costs next to nothing. (TFDS
        parses all, and reads the files of a data set that was stored without shuffling, whose
        order may be that of its classes, one after the other.) Else `(encoded image, label)`.
        """
        files = self._own.builder.info.splits[self.split].file_instructions
        files = [files[i] for i in permutation(len(files), key)]
        if not self._raw:
            return self._stored(lambda _: files)
        parts = (
            [os.fspath(file.filename) for file in files],
            np.array([file.skip for file in files], np.int64),
            np.array([file.take for file in files], np.int64),
        )
        return tf.data.Dataset.from_tensor_slices(parts).interleave(
            lambda name, skip, take: tf.data.TFRecordDataset(name).skip(skip).take(take),
            cycle_length=_FILES_AT_ONCE,
            block_length=_RECORDS_IN_A_ROW,
            num_parallel_calls=tf.data.AUTOTUNE,
        )

    def _stored(self, order: Callable[[list], list] | None = None) -> tf.data.Dataset:
        """`(encoded image, label)` as TFDS reads them, from the files in an order."""
        import tensorflow_datasets as tfds

        records = self._own.builder.as_dataset(
            split=self.split,
            decoders=self._own.undecoded(),
            read_config=tfds.ReadConfig(try_autocache=False, experimental_interleave_sort_fn=order),
        )
        return records.map(self._element, num_parallel_calls=tf.data.AUTOTUNE)

    def _parse(self, record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features = self._own.builder.info.features
        return self._element(features.deserialize_example(record, decoders=self._own.undecoded()))

    def _element(self, record: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        label = record[self._own.label_key] if self._own.label_key else 0
        return record[self._own.image_key], tf.cast(label, tf.int32)


@tf.function(autograph=False)  # Traced once for all epochs.
def _shuffled(window: Any, number: tf.Tensor, key: tf.Tensor) -> Any:
    """The window in an order that depends on the key and the window's number only."""
    size = tf.shape(tf.nest.flatten(window)[0])[0]
    order = tf.random.experimental.stateless_shuffle(
        tf.range(size), seed=tf.stack([key, number]), alg="philox"
    )
    return tf.nest.map_structure(lambda values: tf.gather(values, order), window)


def _records_per_window(builder: "tfds.core.DatasetBuilder") -> int:
    infos = builder.info.splits.values()
    # Sizes are 0 where TFDS does not know them.
    size = sum(info.num_bytes for info in infos) / max(1, sum(info.num_examples for info in infos))
    return max(1, math.floor(WINDOW_BYTES / max(size, 1.0)))
