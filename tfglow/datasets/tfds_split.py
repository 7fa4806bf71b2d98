"""What a split of a TFDS data set holds."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tfglow.datasets.folder_names import FolderName, Kind
from tfglow.datasets.source import Source
from tfglow.datasets.splits import empty_split, resolve_split, unknown_split

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


@dataclasses.dataclass(frozen=True)
class TfdsSplit:
    """A split of a prepared data set, and the features that its images and labels are.

    The images are the feature that the data set itself names for supervised learning, or that is
    called "image", or the first that is not called as masks are.
    """

    builder: "tfds.core.DatasetBuilder"
    # The data set's, without the version.
    name: str
    # As it was resolved, such as "train[:90%]".
    split: str
    # How many images each split of the data set has.
    split_sizes: dict[str, int]
    num_images: int
    image_key: str
    # None if there are no labels.
    label_key: str | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def open(cls, builder: "tfds.core.DatasetBuilder", split: str) -> "TfdsSplit":
        """The split that a specification names, see `resolve_split`.

        Raises:
          ValueError: If there is no such split, it is empty, or the data set has no uint8 images.
        """
        splits = {name: info for name, info in builder.info.splits.items() if info.num_examples}
        name = builder.info.full_name.rsplit("/", 1)[0]
        resolved = resolve_split(split, list(splits))
        try:
            num_images = builder.info.splits[resolved].num_examples
        except (ValueError, KeyError, AssertionError):
            raise unknown_split(split, name, list(splits)) from None
        if num_images < 1:
            raise empty_split(split, name)
        image_key, others = _image_keys(builder)
        notes = []
        if others:
            known = ", ".join(map(repr, others))
            notes.append(f"The images of {name!r} are its feature {image_key!r}, not {known}.")
        label_key = _label_key(builder)
        class_names = tuple(builder.info.features[label_key].names) if label_key else ()
        return cls(
            builder,
            name,
            resolved,
            {split: info.num_examples for split, info in splits.items()},
            num_images,
            image_key,
            label_key,
            class_names,
            tuple(notes),
        )

    @property
    def image_feature(self) -> "tfds.features.Image":
        """The feature that decodes the images."""
        return self.builder.info.features[self.image_key]

    def describe(self, source: Source) -> None:
        """Tells a source of the split what every source says of itself."""
        source.name = self.name
        source.split = self.split
        source.split_sizes = self.split_sizes
        source.num_images = self.num_images
        source.image_shape = self.image_feature.shape
        source.class_names = self.class_names
        source.notes = self.notes

    def undecoded(self) -> "dict[str, tfds.decode.Decoder]":
        """The decoders that leave all images of a record as they are stored."""
        import tensorflow_datasets as tfds

        features = self.builder.info.features
        return {
            key: tfds.decode.SkipDecoding()
            for key, feature in features.items()
            if isinstance(feature, tfds.features.Image)
        }


def _image_keys(builder: "tfds.core.DatasetBuilder") -> tuple[str, list[str]]:
    """The name of the feature that holds the images, and those of others that could."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    images = [
        name
        for name, feature in getattr(features, "items", dict)()
        if isinstance(feature, tfds.features.Image) and feature.np_dtype == np.uint8
    ]
    if not images:
        raise ValueError(
            f"The data set {builder.info.name!r} has no feature of uint8 images; its features are "
            f"{', '.join(getattr(features, 'keys', list)())}."
        )
    supervised = (builder.info.supervised_keys or ("image",))[0]
    no_masks = [name for name in images if FolderName.read(name).kind is not Kind.MASK]
    found = next(name for name in (supervised, "image", *no_masks, *images) if name in images)
    return found, [name for name in images if name != found]


def _label_key(builder: "tfds.core.DatasetBuilder") -> str | None:
    """The name of the feature that holds the classes; None if there is none."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    supervised = (builder.info.supervised_keys or (None, None))[1]
    for name in (supervised, "label"):
        if name in features and isinstance(features[name], tfds.features.ClassLabel):
            return name
    return None
