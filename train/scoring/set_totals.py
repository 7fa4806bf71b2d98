"""What there is to say of a whole set of images."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from train.scoring.image_set import Batch, ImageSet


class SetTotals:
    """Counts over the batches of a set, in constant memory.

    Args:
      alpha: The largest p-value that is counted.
    """

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha
        self._bits = 0.0
        self._counts = {"images": 0, "other_size": 0, "not_finite": 0}

    def add(self, batch: Batch, values: Mapping[str, np.ndarray]) -> None:
        """Counts a batch, with numbers `[B]` by name."""
        bits = values["bits_per_dim"].astype(np.float64)
        finite = np.isfinite(bits)
        self._bits += float(bits[finite].sum())
        own = batch.images.shape[1:3]
        found = {
            "images": len(bits),
            "other_size": sum(size != own for size in batch.sizes),
            "not_finite": int(np.sum(~finite)),
        }
        if "p_value" in values:
            found["p_value_at_most_alpha"] = int(np.sum(values["p_value"] <= self._alpha))
        for name, count in found.items():
            self._counts[name] = self._counts.get(name, 0) + count

    def to_dict(self, images: ImageSet) -> dict[str, Any]:
        """All of it, for the report.

        Raises:
          ValueError: If there was no image.
        """
        if not self._counts["images"]:
            raise ValueError(f"No image of {images.description} can be read.")
        finite = self._counts["images"] - self._counts["not_finite"]
        return {
            "description": images.description,
            **self._counts,
            "skipped": len(images.skipped),
            "mean_bits_per_dim": self._bits / finite if finite else None,
        }
