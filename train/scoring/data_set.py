"""Images of a data set that has a name."""

from collections.abc import Iterator

import numpy as np

from tfglow.datasets import ImageData
from train.data import first_images
from train.scoring.image_set import Batch, ImageSet


class DataSet(ImageSet):
    """A split of an embedded or a TFDS data set.

    Args:
      data: The split, not kept in memory.
      num_images: Takes the first so many; None: all.
      conditional: Whether the model takes classes.
      label: The class under which the images are scored; None: each under its own.
    """

    def __init__(
        self,
        data: ImageData,
        *,
        num_images: int | None = None,
        conditional: bool = False,
        label: int | None = None,
    ) -> None:
        super().__init__()
        self.description = f"the split {data.split} of the data set {data.name!r}"
        self.num_images = min(num_images or data.num_images, data.num_images)
        self.class_names = data.class_names
        self._data = data
        self._conditional = conditional
        self._label = label

    def batches(self, batch_size: int) -> Iterator[Batch]:
        start = 0
        height, width = (side or 0 for side in self._data.source_shape[:2])
        for batch in first_images(
            self._data, self.num_images, batch_size, bool(self._data.class_names)
        ):
            images = batch["image"].numpy()
            size = len(images)
            own = batch["label"].numpy() if "label" in batch else None
            classes = own if self._label is None else np.full(size, self._label, np.int32)
            yield Batch(
                names=[str(start + i) for i in range(size)],
                # Of images whose label is kept secret it is −1.
                labels=[self.class_names[i] if i >= 0 else "" for i in own]
                if own is not None
                else [""] * size,
                images=images,
                sizes=[(height, width)] * size,
                classes=classes if self._conditional else None,
            )
            start += size

    def count_shared(self, other: ImageSet) -> int:
        if not isinstance(other, DataSet) or _base_name(self._data) != _base_name(other._data):
            return 0
        # Of the first images alone it may be fewer.
        return min(self.num_images, self._data.count_shared(other._data))


def _base_name(data: ImageData) -> str:
    """The data set's name without a version."""
    return data.name.partition(":")[0]
