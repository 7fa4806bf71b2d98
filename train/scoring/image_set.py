"""Images to score, a batch at a time."""

import abc
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tfglow.datasets import SkippedImage


class Batch(NamedTuple):
    """Images in the model's shape, at least one."""

    # Of each image its path, or its number in the split.
    names: list[str]
    # Its class, or the folder that it is in; "" where there is none.
    labels: list[str]
    # uint8 [B, H, W, C].
    images: np.ndarray
    # Height and width before they were fitted.
    sizes: list[tuple[int, int]]
    # int32 [B]: the classes that a conditional model takes; None for other models.
    classes: np.ndarray | None = None


class ImageSet(abc.ABC):
    """Images in an order, none of which is held."""

    # What it is, for messages: "the folder 'photos'".
    description: str
    # How many there are; those that cannot be read are among them.
    num_images: int
    # The names of the classes 0, 1, ...; empty if that is not known.
    class_names: tuple[str, ...] = ()

    def __init__(self) -> None:
        # What could not be read in `batches`.
        self.skipped: list[SkippedImage] = []

    @abc.abstractmethod
    def batches(self, batch_size: int) -> Iterator[Batch]:
        """All images that can be read, in order.

        Raises:
          ValueError: If one cannot be read and is not to be passed over.
        """

    @abc.abstractmethod
    def count_shared(self, other: "ImageSet") -> int:
        """How many of these images are in the other set, too, by their files or their numbers."""
