"""A split of a TFDS data set."""

import math
from typing import TYPE_CHECKING

import tensorflow as tf

from tfglow.datasets.randomness import permutation
from tfglow.datasets.source import Fit, Source, decode_and_batch
from tfglow.datasets.tfds_split import TfdsSplit

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

# Encoded records are shuffled in windows of so many bytes. Up to three are alive at a time: one is
# read from while the next is shuffled and the one after collected.
WINDOW_BYTES = 256 * 2**20


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

    def elements(self, key: int | None) -> tf.data.Dataset:
        records = self._read(key)
        if key is not None:
            windows = records.batch(self._window).enumerate()
            windows = windows.map(lambda number, window: _shuffled(window, number, key))
            # Collects the next window while this one is read from.
            records = windows.prefetch(1).unbatch()
        return records.apply(tf.data.experimental.assert_cardinality(self.num_images))

    def image_batches(
        self, elements: tf.data.Dataset, fit: Fit, batch_size: int, drop_remainder: bool
    ) -> tf.data.Dataset:
        return decode_and_batch(elements, self._decode, fit, batch_size, drop_remainder)

    def _decode(self, payload: tf.Tensor) -> tf.Tensor:
        return self._own.image_feature.decode_example(payload)

    def _read(self, key: int | None) -> tf.data.Dataset:
        """`(encoded image, label)`, from files in a random order (or as stored)."""
        import tensorflow_datasets as tfds

        def reorder(files: list) -> list:
            return files if key is None else [files[i] for i in permutation(len(files), key)]

        records = self._own.builder.as_dataset(
            split=self.split,
            decoders=self._own.undecoded(),
            read_config=tfds.ReadConfig(
                try_autocache=False,
                experimental_interleave_sort_fn=reorder,
            ),
        )
        return records.map(self._element, num_parallel_calls=tf.data.AUTOTUNE)

    def _element(self, record: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        label = record[self._own.label_key] if self._own.label_key else 0
        return record[self._own.image_key], tf.cast(label, tf.int32)


def _shuffled(
    window: tuple[tf.Tensor, tf.Tensor], number: tf.Tensor, key: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """The window in an order that depends on the key and the window's number only."""
    payloads, labels = window
    order = tf.random.experimental.stateless_shuffle(
        tf.range(tf.size(labels)), seed=tf.stack([tf.constant(key, tf.int64), number]), alg="philox"
    )
    return tf.gather(payloads, order), tf.gather(labels, order)


def _records_per_window(builder: "tfds.core.DatasetBuilder") -> int:
    infos = builder.info.splits.values()
    # Sizes are 0 where TFDS does not know them.
    size = sum(info.num_bytes for info in infos) / max(1, sum(info.num_examples for info in infos))
    return max(1, math.floor(WINDOW_BYTES / max(size, 1.0)))
