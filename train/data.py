"""The images of a run, and their way to the replicas."""

import contextlib
import itertools
import warnings
from collections.abc import Collection, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf

from tfglow import datasets
from tfglow.counting import counted
from tfglow.datasets import ImageData, UnreadableImages
from train import strategies
from train.config import TrainConfig
from train.reading_progress import ReadingProgress

_DATA_FIELDS = (
    "dataset",
    "data_dir",
    "train_split",
    "eval_split",
    "train_folder",
    "test_folder",
    "classes_from",
)


def load_split(
    config: TrainConfig, split: str, left_out: Collection[str] | None = None
) -> ImageData:
    """A split of the run's data set, in the model's image size.

    Args:
      config: The run's configuration.
      split: The split.
      left_out: The image files to leave out, where that was found out before; by default every file
        is read first, and `bad_images` says what is done about those that cannot be.

    Raises:
      ValueError: If `tfglow.datasets.load` refuses, or the model's classes are not the data's.
    """
    model = config.model
    data = datasets.load(
        config.dataset,
        split,
        config.data_dir,
        model.image_shape,
        config.resize,
        train_folder=config.train_folder,
        test_folder=config.test_folder,
        classes_from=config.classes_from,
        bad_images=config.bad_images if left_out is None else "later",
        left_out=left_out or (),
        white=config.white,
        progress=ReadingProgress(),
    )
    if model.num_classes and model.num_classes != data.num_classes:
        have = f"{data.num_classes} classes" if data.num_classes else "no labels"
        raise ValueError(
            f"`num_classes` = {model.num_classes} does not fit the data set {config.dataset!r}, "
            f"which has {have}."
        )
    return data


def load_splits(
    config: TrainConfig, left_out: Collection[str] | None = None
) -> tuple[ImageData, ImageData]:
    """The splits to train and to evaluate on; the arguments are those of `load_split`.

    Warns where they have images in common.

    Raises:
      ValueError: If `load_split` refuses; files that cannot be read are named of both splits.
    """
    loaded: list[ImageData] = []
    unreadable: list[UnreadableImages] = []
    for split in (config.train_split, config.eval_split):
        try:
            loaded.append(load_split(config, split, left_out))
        except UnreadableImages as error:
            unreadable.append(error)
    if unreadable:
        images = [image for error in unreadable for image in error.images]
        raise UnreadableImages(
            images, sum(error.total for error in unreadable), unreadable[0].folder
        )
    train_data, eval_data = loaded
    shared = eval_data.count_shared(train_data)
    if shared:
        warnings.warn(
            f"--eval_split={config.eval_split} shares {counted(shared, 'image')} with "
            f"--train_split={config.train_split}: its bits per dimension do not say how well the "
            "model does on other images.",
            stacklevel=2,
        )
    return train_data, eval_data


def given_data(given: Mapping[str, Any]) -> dict[str, Any]:
    """Of fields of the configuration that were given, those that `own_image_shape` takes."""
    return {name: given[name] for name in _DATA_FIELDS if name in given}


def own_image_shape(
    dataset: str,
    data_dir: str | None = None,
    train_split: str = "train",
    eval_split: str = "test",
    **folders: Any,
) -> tuple[int, int, int]:
    """The size of a data set's images, the same in the splits to train and to evaluate on.

    Where one split is grey and the other has colours, the size is that of the one with colours.

    Args:
      dataset: The data set's name.
      data_dir: Its folder.
      train_split: The split to train on.
      eval_split: The split to evaluate on.
      folders: `train_folder`, `test_folder` and `classes_from` of `tfglow.datasets.load`.

    Raises:
      ValueError: If `tfglow.datasets.load` refuses, or the images vary in size.
    """
    shapes = {
        split: _unread(dataset, split, data_dir, None, folders).image_shape
        for split in (train_split, eval_split)
    }
    if len({shape[:2] for shape in shapes.values()}) > 1:
        sizes = ", ".join(
            f"{height}x{width} in {split!r}" for split, (height, width, _) in shapes.items()
        )
        raise ValueError(
            f"The images of {dataset!r} differ in size, {sizes}: `image_shape`, such as "
            "--image_shape=64,64,3, says what to bring them to."
        )
    return max(shapes.values(), key=lambda shape: shape[-1])


def num_images(
    image_shape: tuple[int, int, int],
    dataset: str,
    data_dir: str | None = None,
    train_split: str = "train",
    **folders: Any,
) -> int:
    """How many images there are to train on; none is read. The arguments: see `own_image_shape`.

    Raises:
      ValueError: If `tfglow.datasets.load` refuses.
    """
    return _unread(dataset, train_split, data_dir, image_shape, folders).num_images


def _unread(
    dataset: str,
    split: str,
    data_dir: str | None,
    image_shape: tuple[int, int, int] | None,
    folders: dict[str, Any],
) -> ImageData:
    """A split of which no image is decoded."""
    return datasets.load(
        dataset, split, data_dir, image_shape, cache_bytes=0, bad_images="later", **folders
    )


def init_batch(config: TrainConfig, data: ImageData) -> dict[str, tf.Tensor]:
    """The images for the data-dependent initialisation, the same on every worker."""
    size = min(config.init_images or config.default_init_images, data.num_images)
    batches = data.batches(
        size, seed=config.model.seed, flip=config.flip, shift=config.shift, drop_remainder=True
    )
    with naming_unreadable_images():
        return next(iter(_without_unused_labels(batches, config)))


def steps_per_epoch(config: TrainConfig, data: ImageData) -> int:
    """Steps after which the run evaluates and saves.

    Raises:
      ValueError: If the data set is smaller than a batch.
    """
    whole = data.num_batches(config.batch_size)
    return whole if config.epoch_images is None else -(-config.epoch_images // config.batch_size)


class TrainingBatches:
    """The training images from any step on, for the replicas of this worker.

    Which images, and which noise, a step gets depends on the configuration and the step alone: not
    on how many replicas and workers share them, and not on whether the run was interrupted.

    Args:
      config: The run's configuration.
      data: The split to train on.
      strategy: The distribution strategy whose replicas take the batches.

    Raises:
      ValueError: If a batch cannot be divided among the replicas, or is larger than the split.
    """

    def __init__(self, config: TrainConfig, data: ImageData, strategy: tf.distribute.Strategy):
        replicas = strategy.num_replicas_in_sync
        if config.batch_size % replicas:
            raise ValueError(
                f"`batch_size` = {config.batch_size} cannot be divided among {replicas} replicas."
            )
        self._config = config
        self._data = data
        self._strategy = strategy
        self._workers = strategies.num_workers(strategy)
        self._steps_per_pass = data.num_batches(config.batch_size)

    def starting_at(self, step: int) -> Generator[dict[str, Any], None, None]:
        """Endless batches, the first that of `step`, as arguments of `strategy.run`."""
        first_pass, start = divmod(step, self._steps_per_pass)
        # While one pass is consumed, the next one's pipeline is set up: that takes as long as many
        # steps of a small model.
        with naming_unreadable_images(), ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self._open_pass, first_pass, start)
            for number in itertools.count(first_pass + 1):
                batches = coming.result()
                coming = pool.submit(self._open_pass, number, 0)
                yield from map(self._divide, batches)

    def _open_pass(self, number: int, start: int) -> Iterator[dict[str, tf.Tensor]]:
        """One pass over the split: this worker's part of each batch."""
        config = self._config
        batches = self._data.batches(
            config.batch_size // self._workers,
            seed=config.model.seed,
            epoch=number,
            start_batch=start,
            flip=config.flip,
            shift=config.shift,
            num_shards=self._workers,
            shard_index=strategies.worker_index(self._strategy),
        )
        return iter(_without_unused_labels(batches, config))

    def _divide(self, batch: dict[str, tf.Tensor]) -> dict[str, Any]:
        """A worker's batch, divided among its replicas."""
        return divide_batch(self._strategy, batch)


@contextlib.contextmanager
def naming_unreadable_images() -> Iterator[None]:
    """Around reading images: one that cannot be read is a ValueError that names its file.

    Splits that are not kept in memory are read while they are trained on; the runtime's own error
    for it is a page long.
    """
    try:
        yield
    except tf.errors.OpError as error:
        sentence = datasets.unreadable_image_message(error)
        if sentence is None:
            raise
        raise ValueError(sentence) from error


def first_images(
    data: ImageData, num_images: int | None, batch_size: int, with_labels: bool
) -> Iterator[dict[str, tf.Tensor]]:
    """Batches of the first images of a split, in its order; the last one may be smaller."""
    left = data.num_images if num_images is None else min(num_images, data.num_images)
    names = ["image", "label"] if with_labels else ["image"]
    batches = data.batches(min(batch_size, left), shuffle=False, drop_remainder=False)
    with naming_unreadable_images():
        for batch in batches:
            yield {name: batch[name][:left] for name in names}
            left -= batch["image"].shape[0]
            if left <= 0:
                return


def divide_batch(strategy: tf.distribute.Strategy, batch: dict[str, tf.Tensor]) -> dict[str, Any]:
    """Tensors `[B, ...]` as per-replica values `[B/R, ...]` for the R replicas of this worker."""
    replicas = strategy.num_replicas_in_sync // strategies.num_workers(strategy)
    if replicas == 1:
        return batch
    parts = {name: tf.split(values, replicas) for name, values in batch.items()}
    first = replicas * strategies.worker_index(strategy)
    return {
        name: strategy.experimental_distribute_values_from_function(
            lambda context, name=name: parts[name][context.replica_id_in_sync_group - first]
        )
        for name in batch
    }


@tf.autograph.experimental.do_not_convert
def _without_unused_labels(batches: tf.data.Dataset, config: TrainConfig) -> tf.data.Dataset:
    """Leaves out labels that the model has no use for."""
    if config.model.num_classes:
        return batches
    return batches.map(lambda batch: {name: batch[name] for name in ("image", "noise")})
