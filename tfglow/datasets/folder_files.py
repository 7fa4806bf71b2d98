"""What the files of a folder of images are: splits, classes, names."""

import dataclasses
import hashlib
import os
import posixpath
from collections.abc import Sequence

import tensorflow as tf

from tfglow.datasets.splits import EVALUATION_SPLITS

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
_SPLIT_FOLDERS = ("train", *EVALUATION_SPLITS)
_TEST_FRACTION = 0.1
_SEED = "tfglow"


@dataclasses.dataclass(frozen=True)
class FolderFiles:
    """The image files of a folder, by split.

    - If every image is below a folder named train, test, validation, valid, val, eval or dev, those
      are the splits. Otherwise, or if there is only train, a tenth of the images is the test split:
      those whose name's hash falls in the lowest tenth, so that an image stays in its split
      whatever files come and go.
    - If then every image is in one of two or more subfolders, and none deeper, those are the
      classes, in alphabetical order. Otherwise the images have no labels.

    A split is in the order of its names' hashes, so that a part of it is a fair sample. Files with
    other extensions, and hidden files and folders, are passed over.
    """

    # Names of each split's files, relative to the folder, "/" between folders.
    names: dict[str, tuple[str, ...]]
    # Alphabetical; empty if the images have no labels.
    class_names: tuple[str, ...]

    @classmethod
    def find(cls, folder: str | os.PathLike) -> "FolderFiles":
        """Looks through the folder, recursively.

        Raises:
          ValueError: If it is no folder, or holds no image.
        """
        folder = os.fspath(folder)
        if not tf.io.gfile.isdir(folder):
            raise ValueError(f"`data_dir` = {folder!r} is not a folder.")
        names = sorted(_image_names(folder), key=_hash)
        if not names:
            raise ValueError(
                f"The folder {folder!r} holds no image: expected files ending in "
                f"{', '.join(EXTENSIONS)}."
            )
        splits: dict[str, list[str]] = {}
        in_split_folders = all(_top(name) in _SPLIT_FOLDERS for name in names)
        for name in names:
            splits.setdefault(_top(name) if in_split_folders else "train", []).append(name)
        if list(splits) == ["train"]:
            splits = _divide(names)
        return cls(
            names={split: tuple(members) for split, members in splits.items()},
            class_names=_class_names(names, 1 if in_split_folders else 0),
        )

    def labels(self, names: Sequence[str]) -> list[int]:
        """The labels of some of the files; 0 if there are no labels."""
        if not self.class_names:
            return [0] * len(names)
        numbers = {name: number for number, name in enumerate(self.class_names)}
        return [numbers[name.split("/")[-2]] for name in names]


def _image_names(folder: str) -> list[str]:
    found = []
    for path, _, files in tf.io.gfile.walk(folder):
        relative = posixpath.relpath(path.replace(os.sep, "/"), folder.replace(os.sep, "/"))
        for file in files:
            name = posixpath.normpath(posixpath.join(relative, file))
            hidden = any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
            if name.lower().endswith(EXTENSIONS) and not hidden:
                found.append(name)
    return found


def _hash(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), key=_SEED.encode(), digest_size=8).digest()


def _divide(names: list[str]) -> dict[str, list[str]]:
    """A test and a train split of files that are in the order of their hashes."""
    limit = int(_TEST_FRACTION * 2**64).to_bytes(8, "big")
    count = sum(_hash(name) < limit for name in names)
    # Of a handful of images the lowest is the test split, if no hash is low enough.
    count = max(count, 1) if len(names) > 1 else 0
    return {"train": names[count:], "test": names[:count]}


def _top(name: str) -> str:
    return name.split("/")[0] if "/" in name else ""


def _class_names(names: list[str], depth: int) -> tuple[str, ...]:
    """The names of the class folders at a depth, if that is what the folders there are."""
    parts = [name.split("/") for name in names]
    classes = sorted({part[depth] for part in parts})
    in_classes = all(len(part) == depth + 2 for part in parts)
    return tuple(classes) if in_classes and len(classes) > 1 else ()
