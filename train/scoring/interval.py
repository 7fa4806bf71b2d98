"""A number with its bootstrap interval."""

from typing import NamedTuple

import numpy as np

# Percent of the interval.
_LEVEL = 95


class Interval(NamedTuple):
    """A number, and the percentile interval of 95% of it over bootstrap samples."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, samples: np.ndarray) -> "Interval":
        """The interval of a number, from what it is in bootstrap samples.

        It is widened to the number itself, which samples, in which images come twice, may miss.
        """
        low, high = np.percentile(samples, [(100 - _LEVEL) / 2, (100 + _LEVEL) / 2])
        return cls(float(value), float(min(low, value)), float(max(high, value)))

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"
