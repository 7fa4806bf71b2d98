"""Makes a folder of many JPEGs in ten classes, and a TFDS data set of the same files.

The images are CIFAR-10's, scaled to sides of their own, mirrored at random, with noise, so that no
two files are alike:

    python -m benchmarks.large_data.make --cifar10=TFDS_DIR --output=DIR --images=100000

writes `DIR/photos/CLASS/NUMBER.jpg` and `DIR/tfds/large_data`. The records lie in the order of
their classes, and TFDS is told not to shuffle them: the worst order that a data set can have.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from tfglow.one_sentence_parser import OneSentenceParser
from tfglow.pictures.in_parallel import in_parallel

_QUALITY = 90
_NOISE_SIDE = 512  # Pixels of the one picture of noise, of which each image has a part.


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--cifar10", required=True, help="TFDS's folder with CIFAR-10 in it")
    parser.add_argument("--output", required=True, type=Path, help="where to write")
    parser.add_argument("--images", type=int, default=100_000, help="how many")
    parser.add_argument(
        "--sides", default="64,256", help="the least and the greatest side, in pixels"
    )
    args = parser.parse_args()
    least, greatest = map(int, args.sides.split(","))
    write_photos(args.output / "photos", args.cifar10, args.images, (least, greatest))
    write_records(args.output / "photos", args.output / "tfds")


def write_photos(folder: Path, cifar10: str, num_images: int, sides: tuple[int, int]) -> None:
    """Writes the JPEGs; the same arguments give the same files.

    Args:
      folder: Where to.
      cifar10: TFDS's folder with CIFAR-10.
      num_images: How many, over all classes.
      sides: The least and the greatest height and width, in pixels.
    """
    import tensorflow_datasets as tfds

    split, info = tfds.load(
        "cifar10", split="train", data_dir=cifar10, batch_size=-1, download=False, with_info=True
    )
    images, labels = split["image"].numpy(), split["label"].numpy()
    noise = np.random.default_rng(0).normal(0, 8, [_NOISE_SIDE, _NOISE_SIDE, 3])
    names = info.features["label"].names
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)

    def write(number: int) -> None:
        random = np.random.default_rng(number)
        place = number % len(images)
        height, width = random.integers(sides[0], sides[1] + 1, 2)
        # Pixels of the mean of the two, so that most photographs are no stripes.
        image = Image.fromarray(images[place]).resize(
            (int(width), int(height)), Image.Resampling.BICUBIC
        )
        pixels = np.asarray(image)[:, :: random.choice([-1, 1])]
        top, left = random.integers(0, _NOISE_SIDE - sides[1], 2)
        pixels = pixels + noise[top : top + height, left : left + width]
        path = folder / names[labels[place]] / f"{number:06d}.jpg"
        pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(path, quality=_QUALITY)

    for _ in in_parallel(write, range(num_images)):
        pass


def write_records(photos: Path, data_dir: Path) -> None:
    """Writes the TFDS data set `large_data` of the files of a folder, in the order of their names.

    Args:
      photos: The folder: a folder a class.
      data_dir: TFDS's folder of data sets.
    """
    import tensorflow_datasets as tfds

    classes = sorted(path.name for path in photos.iterdir())

    class LargeData(tfds.core.GeneratorBasedBuilder):
        """The files of a folder of photographs."""

        name = "large_data"
        VERSION = tfds.core.Version("1.0.0")

        def _info(self) -> tfds.core.DatasetInfo:
            features = tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
                    "label": tfds.features.ClassLabel(names=classes),
                }
            )
            return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self) -> Iterator:
            for number, path in enumerate(sorted(photos.glob("*/*.jpg"))):
                content = io.BytesIO(path.read_bytes())
                yield number, {"image": content, "label": path.parent.name}

    LargeData(data_dir=data_dir).download_and_prepare()


if __name__ == "__main__":
    main()
