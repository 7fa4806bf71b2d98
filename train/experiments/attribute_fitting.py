"""Attribute directions from a run's model and labelled images."""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfglow.latents import AttributeDirections, read_attribute_table
from train.experiments.trained_run import TrainedRun, encode, model_labels

if TYPE_CHECKING:
    from tfglow.datasets import ImageData

_BATCH = 64


def directions_from_labels(
    run: TrainedRun,
    data: "ImageData",
    pairs: Sequence[tuple[str, str]] = (),
    num_images: int | None = None,
) -> AttributeDirections:
    """Directions between classes.

    Args:
      run: The run whose model encodes the images.
      data: Images with labels, in the model's size.
      pairs: Names of two classes each: the direction `a:b` leads from the mean of a to that of b.
        None given: a direction for each class, named after it, from the mean of all others.
      num_images: Takes only the first so many images; None: all.

    Raises:
      ValueError: If the data have no labels, or there is no such class.
    """
    from train.data import first_images

    names = data.class_names
    if not names:
        raise ValueError(f"The data set {data.name!r} has no labels to take directions from.")
    for name in [name for pair in pairs for name in pair]:
        if name not in names:
            raise ValueError(f"{data.name!r} has no class {name!r}; it has {', '.join(names)}.")
    if pairs:
        # [A, classes]: from the first, −1, to the second, 1.
        signs = np.zeros([len(pairs), len(names)], np.int8)
        for row, (start, end) in enumerate(pairs):
            signs[row, names.index(start)] = -1
            signs[row, names.index(end)] = 1
    else:
        signs = 2 * np.eye(len(names), dtype=np.int8) - 1

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for batch in first_images(data, num_images, _BATCH, True):
            labels = batch["label"].numpy()
            yield encode(run.glow, batch["image"], model_labels(run.glow, labels)), signs.T[labels]

    return AttributeDirections.from_latents(
        batches(), [f"{start}:{end}" for start, end in pairs] or names
    )


def directions_from_table(
    run: TrainedRun, table: str | os.PathLike, folder: str | os.PathLike
) -> AttributeDirections:
    """Directions of the attributes in a table, see `tfglow.latents.read_attribute_table`.

    Args:
      run: The run, of an unconditional model.
      table: The table's file.
      folder: The folder of the table's files.

    Raises:
      ValueError: If the table or an image cannot be read, or the model is conditional.
    """
    if run.glow.config.num_classes:
        raise ValueError(
            "Directions from a table are for unconditional models: it has no labels for the "
            f"{run.glow.config.num_classes} classes of this one."
        )
    files, names, signs = read_attribute_table(table)

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(files), _BATCH):
            part = slice(start, start + _BATCH)
            images = run.read_files([os.path.join(folder, file) for file in files[part]])
            yield encode(run.glow, images), signs[part]

    return AttributeDirections.from_latents(batches(), names)
