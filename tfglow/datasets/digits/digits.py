"""The UCI handwritten digits as a TFDS builder."""

import importlib.resources
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

NUM_CLASSES = 10
GREY_MAX = 16  # the file's grey values are 0..16: the inked pixels of a 4x4 block

_DESCRIPTION = """\
Test set of the UCI data set Optical Recognition of Handwritten Digits: 1,797 grey images of 8x8
pixels by 13 writers, divided once into 1,500 to train on and 297 to test on, with the classes in
proportion.
"""

_CITATION = """\
@misc{alpaydin1998optdigits,
  author    = {Alpaydin, E. and Kaynak, C.},
  title     = {Optical Recognition of Handwritten Digits},
  publisher = {UCI Machine Learning Repository},
  year      = {1998},
  doi       = {10.24432/C50P49},
}
"""


def grey_to_uint8(grey: np.ndarray) -> np.ndarray:
    """Maps grey values 0..16 to 8-bit levels, min(16 * grey, 255).

    Multiples of 16 are the bin edges of a model with `num_bits=4`, so that model sees the grey
    values themselves, except that 15 and 16 share its highest level. (The other natural map,
    15 * grey, would merge 0 and 1 there, which is background and the faintest ink.) With
    `num_bits=5` and more all 17 values stay apart, but most levels are never used.
    """
    return np.minimum(grey.astype(np.int32) * (256 // GREY_MAX), 255).astype(np.uint8)


class Digits(tfds.core.GeneratorBasedBuilder):
    """The UCI handwritten digits (Alpaydin and Kaynak, 1998; CC BY 4.0), embedded in the package.

    Features: `image` uint8 [8, 8, 1], see `grey_to_uint8` for its levels; `label` 0..9.
    Splits, fixed: `train`, 1,500 images; `test`, 297. Preparing needs no network.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "1,500 train and 297 test images."}

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(8, 8, 1), dtype=np.uint8),
                    "label": tfds.features.ClassLabel(num_classes=NUM_CLASSES),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://doi.org/10.24432/C50P49",
            citation=_CITATION,
            license="CC BY 4.0",
        )

    def _split_generators(self, dl_manager):
        del dl_manager  # nothing to download
        return {split: self._generate_examples(split) for split in ("train", "test")}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        with (importlib.resources.files(__package__) / "digits.npz").open("rb") as file:
            arrays = np.load(file)
            images = grey_to_uint8(arrays[f"{split}_grey"])[..., np.newaxis]  # [N, 8, 8, 1]
            labels = arrays[f"{split}_label"]
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield index, {"image": image, "label": int(label)}
