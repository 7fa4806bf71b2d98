"""A part of Fashion-MNIST, at half its size, as a TFDS builder."""

import importlib.resources
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

CLASS_NAMES = (
    "t-shirt",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
)
NUM_BITS = 5  # of a pixel, in the file
LEVEL_MAX = 2**NUM_BITS - 1

_DESCRIPTION = """\
4,500 of Fashion-MNIST's photographs of clothes, in grey, at 16x16 pixels and 32 grey levels: the
first 400 of each class of its training images, and the first 50 of each of its test images.
"""

_CITATION = """\
@article{xiao2017fashion,
  author  = {Xiao, Han and Rasul, Kashif and Vollgraf, Roland},
  title   = {Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms},
  journal = {arXiv:1708.07747},
  year    = {2017},
}
"""


def level_to_uint8(level: np.ndarray) -> np.ndarray:
    """Maps levels 0..31 to 8-bit ones, floor(255 * level / 31), from black to white.

    The upper 5 bits of the result are the level, which a model with `num_bits=5` sees.
    """
    return (level.astype(np.int32) * 255 // LEVEL_MAX).astype(np.uint8)


class Fashion(tfds.core.GeneratorBasedBuilder):
    """Clothes from Fashion-MNIST (Xiao et al., 2017; MIT), embedded in the package.

    Features: `image` uint8 [16, 16, 1], see `level_to_uint8` for its levels; `label` 0..9, named
    by `CLASS_NAMES`. Splits, fixed: `train`, 4,000 images; `test`, 500. Preparing needs no network.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "4,000 train and 500 test images."}

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(16, 16, 1), dtype=np.uint8),
                    "label": tfds.features.ClassLabel(names=list(CLASS_NAMES)),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://github.com/zalandoresearch/fashion-mnist",
            citation=_CITATION,
            license="MIT",
        )

    def _split_generators(self, dl_manager):
        del dl_manager  # nothing to download
        return {split: self._generate_examples(split) for split in ("train", "test")}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        with (importlib.resources.files(__package__) / "fashion.npz").open("rb") as file:
            arrays = np.load(file)
            images = level_to_uint8(arrays[f"{split}_level"])[..., np.newaxis]  # [N, 16, 16, 1]
            labels = arrays[f"{split}_label"]
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield index, {"image": image, "label": int(label)}
