"""Batches of images for training and evaluation."""

import functools

import numpy as np
import tensorflow as tf

from tfglow.checks import check_integer
from tfglow.datasets import augmentation, image_fit
from tfglow.datasets.image_fit import ImageFit
from tfglow.datasets.randomness import Stream, stream_key, uniform_noise, uniform_table
from tfglow.datasets.source import DrawnFit, Source
from tfglow.datasets.splits import count_shared
from tfglow.datasets.unreadable_images import SkippedImage


class ImageData:
    """One split of a data set, as images of one shape. Made by `tfglow.datasets.load`.

    Attributes:
      name: The data set's name.
      split: The split that is read, such as "test" or "train[:90%]".
      num_images: Number of images in it.
      image_shape: (H, W, C).
      source_shape: (H, W, C) of the images before they are fitted; None for a side that varies.
      class_names: What the labels 0, 1, ... stand for; empty if there are no labels.
      num_classes: Number of labels; 0 if there are none.
      notes: What was decided in the user's place while it was opened, a sentence each.
      skipped: The files of a folder that could not be read and were left out, now or before.

    Example:
      >>> train = tfglow.datasets.load("digits", "train")
      >>> train.num_images, train.image_shape, train.class_names[:3]
      (1500, (8, 8, 1), ('0', '1', '2'))
      >>> train.num_batches(256)
      5
      >>> train.arrays(3)["label"]
      array([3, 4, 2], dtype=int32)
    """

    def __init__(
        self, source: Source, fit: ImageFit, skipped: tuple[SkippedImage, ...] = ()
    ) -> None:
        self._source = source
        self._fit = fit
        self.name = source.name
        self.split = source.split
        self.num_images = source.num_images
        self.image_shape = fit.image_shape
        self.source_shape = source.image_shape
        self.class_names = source.class_names
        self.num_classes = len(source.class_names)
        self.notes = source.notes
        self.skipped = skipped

    def __repr__(self) -> str:
        return (
            f"ImageData(name={self.name!r}, split={self.split!r}, num_images={self.num_images}, "
            f"image_shape={self.image_shape}, num_classes={self.num_classes})"
        )

    def count_shared(self, other: "ImageData") -> int:
        """How many of these images are in another split of the same data set too."""
        return count_shared(self._source.split_sizes, self.split, other.split)

    def arrays(self, num: int | None = None) -> dict[str, np.ndarray]:
        """The first `num` images in the order that they are stored in, as arrays; None for all.

        Returns:
          `image` uint8 [N, H, W, C], and `label` int32 [N] if the data set has labels.

        Raises:
          ValueError: If `num` is no positive integer, or there are not so many.
        """
        num = self.num_images if num is None else _at_least("num", num, 1)
        batch = next(iter(self.batches(num, shuffle=False)))
        return {name: batch[name].numpy() for name in batch if name != "noise"}

    def num_batches(
        self, batch_size: int, *, num_shards: int = 1, drop_remainder: bool = True
    ) -> int:
        """Number of batches in an epoch; the same for every shard if the remainder is dropped.

        Otherwise it is the first shard's, and the last shards may have one batch less.

        Raises:
          ValueError: If it is 0: a batch of every shard takes more images than there are.
        """
        batch_size = _at_least("batch_size", batch_size, 1)
        num_shards = _at_least("num_shards", num_shards, 1)
        needed = batch_size * num_shards
        if not drop_remainder:
            return -(-self.num_images // needed)
        if self.num_images < needed:
            shards = f" in each of {num_shards} shards" if num_shards > 1 else ""
            raise ValueError(
                f"A batch of {batch_size} images{shards} needs {needed} images, but the split "
                f"{self.split!r} of {self.name!r} has {self.num_images}."
            )
        return self.num_images // needed

    # No function of a pipeline has Python's control flow of tensors: AutoGraph, which would take
    # half of the time to make one, is left out.
    @tf.autograph.experimental.do_not_convert
    def batches(
        self,
        batch_size: int,
        *,
        seed: int = 0,
        epoch: int = 0,
        shuffle: bool = True,
        start_batch: int = 0,
        flip: bool = False,
        shift: int = 0,
        num_shards: int = 1,
        shard_index: int = 0,
        drop_remainder: bool = True,
    ) -> tf.data.Dataset:
        """One epoch of batches.

        The order, the augmentation and the noise of an element depend only on `seed`, `epoch` and
        its place in the epoch's order. Shard s of n gets the places s, s + n, s + 2n, ...; so the
        k-th batches of B/n images of all shards are together the k-th batch of B images of an
        epoch that is not sharded.

        Args:
          batch_size: B, the images of this shard in a batch.
          seed: Seed of the order, the augmentation and the noise; not negative.
          epoch: Which epoch; not negative. Every epoch has another order and other noise.
          shuffle: Whether the order is random, rather than the one that the data are stored in.
          start_batch: How many batches of this shard to leave out at the start, to go on in the
            middle of an epoch. They are dropped before anything is decoded.
          flip: Whether images are mirrored at random, see `augment`.
          shift: Largest random shift in pixels, see `augment`; 0 for none.
          num_shards: n.
          shard_index: s.
          drop_remainder: Whether the images after the last whole batch (of all shards) are left
            out.

        Returns:
          A dataset of dictionaries: `image` uint8 [B, H, W, C]; `label` int32 [B], if the data set
          has labels; `noise` float32 [B, H, W, C], uniform in [0, 1), to dequantise with.

        Raises:
          ValueError: If an argument is out of range, or the split smaller than a batch.
        """
        batch_size = _at_least("batch_size", batch_size, 1)
        num_shards = _at_least("num_shards", num_shards, 1)
        shard_index = _at_least("shard_index", shard_index, 0)
        seed = _at_least("seed", seed, 0)
        epoch = _at_least("epoch", epoch, 0)
        start_batch = _at_least("start_batch", start_batch, 0)
        shift = _at_least("shift", shift, 0)
        num_batches = self.num_batches(
            batch_size, num_shards=num_shards, drop_remainder=drop_remainder
        )
        self._check_place(start_batch, num_batches, num_shards, shard_index)
        sides = tuple(self.image_shape[:2])
        if shift >= min(sides):
            raise ValueError(
                f"`shift` must be in [0, {min(sides) - 1}], less than the images' sides {sides}, "
                f"got {shift}."
            )
        key = functools.partial(stream_key, seed, epoch)
        draws = uniform_table(
            key(Stream.AUGMENTATION), self.num_images, image_fit.DRAWS + augmentation.DRAWS
        )

        first = start_batch * batch_size * num_shards
        elements = self._source.elements(key(Stream.ORDER) if shuffle else None, first)
        elements = elements.enumerate(first)
        if drop_remainder:
            # Every shard gets the same number of batches, or some would wait for others for ever.
            elements = elements.take(num_batches * batch_size * num_shards - first)
        elements = elements.shard(num_shards, shard_index)

        fit = DrawnFit(self._fit, draws[:, : image_fit.DRAWS])

        def finish(
            positions: tf.Tensor, images: tf.Tensor, labels: tf.Tensor
        ) -> dict[str, tf.Tensor]:
            if flip or shift:
                own = tf.gather(draws, positions)[:, image_fit.DRAWS :]
                images = augmentation.augment(images, own, flip=bool(flip), shift=shift)
            batch = {"image": images}
            if self.class_names:
                batch["label"] = labels
            batch["noise"] = uniform_noise(key(Stream.NOISE), positions, self.image_shape)
            return batch

        batches = self._source.image_batches(elements, fit, batch_size, drop_remainder)
        batches = batches.map(finish, num_parallel_calls=tf.data.AUTOTUNE)
        return batches.prefetch(tf.data.AUTOTUNE).with_options(_options())

    def _check_place(
        self,
        start_batch: int,
        num_batches: int,
        num_shards: int,
        shard_index: int,
    ) -> None:
        if start_batch > num_batches:
            raise ValueError(
                f"`start_batch` = {start_batch} is beyond the epoch, which has {num_batches} "
                "batches."
            )
        if shard_index >= num_shards:
            raise ValueError(
                f"`shard_index` must be in [0, `num_shards` = {num_shards}), got {shard_index}."
            )


def _options() -> tf.data.Options:
    options = tf.data.Options()
    options.deterministic = True
    # Rewriting the pipeline's graph makes a second copy of the images that are kept in memory, and
    # finds nothing to gain here.
    options.experimental_optimization.apply_default_optimizations = False
    # The shards are made here; a strategy is not to divide them once more.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return options


def _at_least(name: str, value: int, least: int) -> int:
    return check_integer(name, value, least, words=f"an integer of at least {least}")
