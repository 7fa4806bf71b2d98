"""Where images come from."""

import abc
import dataclasses
from collections.abc import Callable, Mapping

import tensorflow as tf

from tfglow.datasets.image_fit import ImageFit


@dataclasses.dataclass(frozen=True)
class DrawnFit:
    """How an epoch's images become those of the model, each with the draws of its place."""

    image_fit: ImageFit
    # U[0, 1), float32 [places, DRAWS].
    draws: tf.Tensor

    def __call__(self, image: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
        """An image uint8 [h, w, c] as uint8 [H, W, C]."""
        return self.image_fit(image, self.draws[position])


class Source(abc.ABC):
    """One split of a data set: its elements in an order, cheaply, and the way to their images.

    An element is `(payload, label)`: the payload is what an image is made from (a file's name, an
    encoded record), the label an int32 scalar, or 0 where the data set has none. Elements are
    cheap, so that a pipeline may drop those of other workers, or of steps already done, before
    anything is decoded.
    """

    # As the user wrote it, for messages.
    name: str
    # As it was resolved, such as "train[:90%]".
    split: str
    # How many images each split of the data set has.
    split_sizes: Mapping[str, int]
    num_images: int
    # (H, W, C) of every image; None for a height or width that varies.
    image_shape: tuple[int | None, int | None, int]
    # Names of the labels 0, 1, ...; empty if the images have no labels.
    class_names: tuple[str, ...]
    # What was decided in the user's place, a sentence each.
    notes: tuple[str, ...] = ()

    @abc.abstractmethod
    def elements(self, key: int | None, first: int = 0) -> tf.data.Dataset:
        """The elements in the order that `key` shuffles them to, or as stored (None).

        Args:
          key: The order.
          first: The place of the first one, before which all are left out: as little of them is
            read as can be.
        """

    @abc.abstractmethod
    def image_batches(
        self, elements: tf.data.Dataset, fit: DrawnFit, batch_size: int, drop_remainder: bool
    ) -> tf.data.Dataset:
        """Makes `(position, (payload, label))` into `(positions, images, labels)`, batched.

        Args:
          elements: A dataset of `(position, (payload, label))`.
          fit: What each image goes through before it can be in a batch.
          batch_size: B.
          drop_remainder: Whether an incomplete last batch is dropped.

        Returns:
          Batches of int64 [B], uint8 [B, H, W, C] and int32 [B], in the order of `elements`.
        """


def decode_and_batch(
    elements: tf.data.Dataset,
    decode: Callable[[tf.Tensor], tf.Tensor],
    fit: DrawnFit,
    batch_size: int,
    drop_remainder: bool,
) -> tf.data.Dataset:
    """`Source.image_batches` for a source whose payloads are decoded one by one."""

    def example(
        position: tf.Tensor, element: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        payload, label = element
        return position, fit(decode(payload), position), label

    examples = elements.map(example, num_parallel_calls=tf.data.AUTOTUNE)
    return examples.batch(batch_size, drop_remainder=drop_remainder)
