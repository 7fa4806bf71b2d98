"""Image files that cannot be read, all in one sentence."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from tfglow.pictures.unreadable_picture import UnreadablePicture

# So many are named in a sentence.
_NAMED = 5


class SkippedImage(NamedTuple):
    """An image file that cannot be read.

    Example:
      >>> skipped = tfglow.datasets.SkippedImage("cats/3.png", "it is empty")
      >>> skipped.file
      'cats/3.png'
    """

    #: Relative to the folder.
    file: str
    #: What is wrong with it, in words.
    reason: str


class UnreadableImages(ValueError):
    """Files of a folder that cannot be read.

    Args:
      images: The files, at least one.
      total: How many were looked at.
      folder: The folder.

    Example:
      >>> skipped = tfglow.datasets.SkippedImage("cats/3.png", "it is empty")
      >>> raise tfglow.datasets.UnreadableImages([skipped, skipped], total=100, folder="pets")
      Traceback (most recent call last):
          ...
      tfglow.datasets.unreadable_images.UnreadableImages: In 'pets' 2 of 100 image files cannot be
          read: 'cats/3.png' (it is empty), 'cats/3.png' (it is empty). --bad_images=skip leaves
          such files out.
    """

    def __init__(self, images: Sequence[SkippedImage], total: int, folder: str) -> None:
        sentence = f"In {folder!r} {count_unreadable(images, total)}: {named(images)}."
        if len(images) == 1:
            path = os.path.join(folder, images[0].file)
            sentence = str(UnreadablePicture(path, images[0].reason))
        super().__init__(f"{sentence} --bad_images=skip leaves such files out.")
        self.images = tuple(images)
        self.total = total
        self.folder = folder

    def __reduce__(self) -> tuple[type["UnreadableImages"], tuple[Any, ...]]:
        return UnreadableImages, (self.images, self.total, self.folder)


def count_unreadable(images: Sequence[SkippedImage], total: int) -> str:
    """How many cannot be read, in words."""
    return f"{len(images)} of {total} image file{'' if total == 1 else 's'} cannot be read"


def named(images: Sequence[SkippedImage]) -> str:
    """The first few, with what is wrong with each."""
    words = [f"{file!r} ({reason.rstrip('.')})" for file, reason in images[:_NAMED]]
    more = f" and {len(images) - _NAMED} more" if len(images) > _NAMED else ""
    return ", ".join(words) + more
