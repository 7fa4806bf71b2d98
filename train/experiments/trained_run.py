"""A run that was trained, for those who use its model."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from tfglow.pictures.preparation import Preparation
from tfglow.pictures.unreadable_picture import UnreadablePicture
from tfglow.runs.run_folder import RunFolder
from tfglow.tensorflow_log import start_tensorflow
from train.config import TrainConfig

if TYPE_CHECKING:
    from tfglow import Glow
    from tfglow.datasets import ImageData

# Images at a time.
_BATCH = 64
_Result = TypeVar("_Result")


class Decoded(NamedTuple):
    """Images of latents."""

    # uint8 [..., H, W, C].
    images: np.ndarray
    # Which of them there are, bool [...]; the others are black. See `Glow.decode_with_valid`.
    valid: np.ndarray

    def in_rows(self, columns: int) -> "Decoded":
        """The images in rows of so many: `[N, ...]` → `[N/columns, columns, ...]`."""
        return Decoded(*(part.reshape(-1, columns, *part.shape[1:]) for part in self))


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """A run's folder, its configuration and its model.

    Made by `open`.
    """

    folder: RunFolder
    config: TrainConfig
    glow: "Glow"

    @classmethod
    def open(cls, run_dir: str | os.PathLike, checkpoint: str | None = None) -> "TrainedRun":
        """Loads the averaged weights, or where the run kept no average the weights themselves.

        Args:
          run_dir: The run folder.
          checkpoint: "best", "latest", or None: the best, or where none was evaluated the latest.

        Raises:
          ValueError: If it is no run folder, or has no such checkpoint.
        """
        folder = RunFolder.open(run_dir)
        start_tensorflow()
        glow = folder.load_glow(checkpoint=checkpoint)
        return cls(folder, TrainConfig.from_dict(folder.read_config()), glow)

    def load_split(self, split: str | None = None, data_dir: str | None = None) -> "ImageData":
        """A split of the data that the run was trained on.

        Args:
          split: The split's name; by default the run's evaluation split.
          data_dir: The data set's folder; by default the run's.

        Raises:
          ValueError: If there is no such split, or the run was not trained here.
        """
        from train.data import load_split

        if "dataset" not in self.folder.read_config():
            raise ValueError(
                f"The run {str(self.folder.path)!r} was not trained here and names no data set."
            )
        config = dataclasses.replace(self.config, data_dir=data_dir or self.config.data_dir)
        return load_split(config, split or config.eval_split)

    def read_files(self, paths: Sequence[str | os.PathLike]) -> np.ndarray:
        """Image files in the model's size, uint8 `[N, H, W, C]`.

        They are brought to it as for training; random crops are taken from the middle.

        Raises:
          ValueError: If files cannot be read as images; all of them are named.
        """
        preparation = Preparation(
            self.config.model.image_shape, self.config.resize, self.config.white
        )
        images: list[np.ndarray] = []
        errors: list[str] = []
        for path in paths:
            try:
                images.append(preparation.fit(preparation.read(path)))
            except UnreadablePicture as error:
                errors.append(str(error))
        if errors:
            raise ValueError(" ".join(errors))
        return np.stack(images)


def images_at(data: "ImageData", indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
    """Images of a split by their places in it, from 0.

    Returns:
      uint8 `[N, H, W, C]`, and labels int32 `[N]`, None if the data set has none.

    Raises:
      ValueError: If there is no such place.
    """
    for index in indices:
        if not 0 <= index < data.num_images:
            raise ValueError(
                f"There is no image {index}: the split {data.split!r} of {data.name!r} has "
                f"{data.num_images}, from 0 on."
            )
    wanted = {}
    batches = data.batches(min(_BATCH, data.num_images), shuffle=False, drop_remainder=False)
    for number, batch in enumerate(batches.take(max(indices) // _BATCH + 1)):
        for index in indices:
            if index // _BATCH == number:
                wanted[index] = {name: v[index % _BATCH].numpy() for name, v in batch.items()}
    images = np.stack([wanted[index]["image"] for index in indices])
    if not data.class_names:
        return images, None
    return images, np.stack([wanted[index]["label"] for index in indices])


def model_labels(glow: "Glow", labels: np.ndarray | None) -> np.ndarray | None:
    """Labels for a model: the given ones if it is conditional, else none."""
    return labels if glow.config.num_classes else None


def encode(
    glow: "Glow", images: np.ndarray, labels: np.ndarray | None = None, batch_size: int = _BATCH
) -> np.ndarray:
    """`Glow.encode`, a batch at a time."""
    return np.concatenate(_by_batches(glow.encode, images, labels, batch_size))


def decode(
    glow: "Glow", latents: np.ndarray, labels: np.ndarray | None = None, batch_size: int = _BATCH
) -> Decoded:
    """`Glow.decode`, a batch at a time, and which of the images there are."""

    def decode_batch(latents: np.ndarray, labels: np.ndarray | None) -> Decoded:
        images, valid = glow.decode_with_valid(latents, labels)
        return Decoded(images.numpy(), valid.numpy())

    parts = _by_batches(decode_batch, latents, labels, batch_size)
    return Decoded(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _by_batches(
    function: Callable[[np.ndarray, np.ndarray | None], _Result],
    values: np.ndarray,
    labels: np.ndarray | None,
    batch_size: int,
) -> list[_Result]:
    results = []
    for start in range(0, len(values), batch_size):
        part = slice(start, start + batch_size)
        results.append(function(values[part], None if labels is None else labels[part]))
    return results
