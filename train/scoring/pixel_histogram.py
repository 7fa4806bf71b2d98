"""How well heat maps tell anomalous pixels from others."""

from typing import Any

import numpy as np

from train.scoring.comparison import auroc
from train.scoring.image_set import Batch
from train.scoring.interval import Interval
from train.scoring.masks import Masks

# asinh(x) in steps of 1/128, from −8 to 8: 0.8% of large nats, and less than 0.01 of small ones.
_STEPS_PER_UNIT = 128
_BINS = 16 * _STEPS_PER_UNIT
# Images are put together in so many blocks, which the bootstrap draws.
_BLOCKS = 1000


class PixelHistogram:
    """The AUROC of pixels by −log p, in memory that does not grow with the images.

    The nats are counted in 2,048 bins, pixels in one bin being as good as equal, which counts half.

    Args:
      masks: The masks of anomalies; None where there are none.
    """

    def __init__(self, masks: Masks | None = None) -> None:
        self._masks = masks
        # By block: counts of ordinary and of anomalous pixels.
        self._counts: list[np.ndarray] = []
        self.num_images = 0
        self._without_mask = 0

    def add_batch(self, batch: Batch, places: np.ndarray, anomalous: bool) -> None:
        """Counts the pixels of a batch: log p `[B, H, W]`.

        Those outside of an anomaly's mask are ordinary, as all of other images are; an anomaly
        without a mask is left out.
        """
        for path, size, own in zip(batch.names, batch.sizes, places, strict=True):
            mask = np.zeros(own.shape, bool) if not anomalous else None
            if anomalous and self._masks is not None:
                mask = self._masks.read(path, size)
            if mask is None:
                self._without_mask += 1
            else:
                self.add(own, mask)

    def to_dict(self, num_samples: int) -> dict[str, Any]:
        """All of it, for the report."""
        return {
            "auroc": self.auroc(num_samples, seed=0),
            "images": self.num_images,
            "anomalies_without_mask": self._without_mask,
        }

    def add(self, places: np.ndarray, mask: np.ndarray) -> None:
        """Counts the pixels of an image: log p `[H, W]`, and which are anomalous, bool `[H, W]`."""
        nats = np.nan_to_num(-places.astype(np.float64), nan=np.inf)
        bins = np.clip(np.arcsinh(nats) * _STEPS_PER_UNIT + _BINS // 2, 0, _BINS - 1)
        codes = bins.astype(np.int64) + _BINS * mask
        counts = np.bincount(codes.reshape(-1), minlength=2 * _BINS)
        if self.num_images < _BLOCKS:
            self._counts.append(counts)
        else:
            self._counts[self.num_images % _BLOCKS] += counts
        self.num_images += 1

    def auroc(self, num_samples: int, seed: int) -> Interval | None:
        """The AUROC, with an interval over images; None where there is but one kind of pixel."""
        counts = np.stack(self._counts) if self._counts else np.zeros([1, 2 * _BINS])
        total = counts.sum(axis=0)
        if not total[:_BINS].any() or not total[_BINS:].any():
            return None
        rng = np.random.default_rng(seed)
        samples = []
        for _ in range(num_samples):
            weights = np.bincount(
                rng.integers(len(counts), size=len(counts)), minlength=len(counts)
            )
            drawn = weights @ counts
            if drawn[:_BINS].any() and drawn[_BINS:].any():
                samples.append(auroc(drawn[:_BINS], drawn[_BINS:]))
        found = auroc(total[:_BINS], total[_BINS:])
        # Of very few images it may be that no sample has pixels of both kinds.
        return Interval.of(found, np.array(samples or [found]))
