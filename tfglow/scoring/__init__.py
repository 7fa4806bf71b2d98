"""How likely images are, what is odd about them, and where the threshold lies.

`image_statistics` says of each image what a likelihood is made of, beside the size of its PNG file;
a `Detector`, fitted on images that the model was not trained on, turns that into p-values.
docs/likelihood.md says what may be trusted.
"""

from typing import TYPE_CHECKING

from tfglow.lazy_parts import lazy_parts

if TYPE_CHECKING:
    from tfglow.scoring.complexity import png_bits_per_dim
    from tfglow.scoring.detector import Detector
    from tfglow.scoring.statistics import image_statistics, statistic_names

__all__ = ["Detector", "image_statistics", "png_bits_per_dim", "statistic_names"]

__getattr__, __dir__ = lazy_parts(
    __name__,
    {
        "Detector": "detector",
        "image_statistics": "statistics",
        "png_bits_per_dim": "complexity",
        "statistic_names": "statistics",
    },
)
