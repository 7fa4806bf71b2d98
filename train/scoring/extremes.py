"""The most and the least likely images of many."""

import numpy as np

from tfglow.pictures.labelled_grid import labelled_grid
from train.pictures import grey_or_rgb

_COLUMNS = 8


class Extremes:
    """Keeps the images with the fewest and with the most bits per dimension, and no others.

    Those without a finite likelihood count as the least likely.

    Args:
      num_images: How many are kept at each end.
    """

    def __init__(self, num_images: int = 64) -> None:
        self._num = num_images
        # The bits and the images of each end, the end itself first.
        self._kept: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def add(self, bits: np.ndarray, images: np.ndarray) -> None:
        """Looks at a batch: bits per dimension `[B]`, images uint8 `[B, H, W, C]`."""
        bits = np.where(np.isfinite(bits), bits, np.inf)
        for end, sign in (("most", 1.0), ("least", -1.0)):
            if end in self._kept:
                kept_bits, kept_images = self._kept[end]
                all_bits = np.concatenate([kept_bits, bits])
                all_images = np.concatenate([kept_images, images])
            else:
                all_bits, all_images = bits, images
            order = np.argsort(sign * all_bits, kind="stable")[: self._num]
            self._kept[end] = all_bits[order], all_images[order]

    def bits(self, end: str) -> np.ndarray:
        """Bits per dimension of the "most" or the "least" likely images, beginning with that."""
        return self._kept[end][0]

    def sheet(self, end: str) -> np.ndarray:
        """Those images in rows, uint8 `[height, width, C]`; each row says where its bits begin."""
        bits, images = self._kept[end]
        labels = [f"{bits[i]:.2f} bits/dim" for i in range(0, len(bits), _COLUMNS)]
        return labelled_grid(grey_or_rgb(images), min(_COLUMNS, len(bits)), row_labels=labels)
