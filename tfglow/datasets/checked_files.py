"""Every file of a folder read once, before any is trained on."""

import logging
import warnings
from collections.abc import Callable

import numpy as np

from tfglow.datasets.earlier_checks import Check, EarlierChecks
from tfglow.datasets.folder_source import FolderSource, check_size
from tfglow.datasets.unreadable_images import (
    SkippedImage,
    UnreadableImages,
    count_unreadable,
    named,
)
from tfglow.pictures.in_parallel import in_parallel
from tfglow.pictures.picture_fit import PictureFit
from tfglow.pictures.reading import decode_picture, is_animation, read_file
from tfglow.pictures.unreadable_picture import UnreadablePicture

# What may be done about files that cannot be read.
BAD_IMAGES = ("stop", "skip", "later")

# For so many files it is noted what reading them showed: fewer are soon read again.
MANY_FILES = 5_000

_LOG = logging.getLogger("tfglow")


def check_files(
    source: FolderSource,
    fit: PictureFit | None,
    bad_images: str,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray | None, tuple[SkippedImage, ...]]:
    """Reads every file of a split; leaves out those that cannot be read, or refuses.

    Many files that were all read before, and have not changed since, are not read again; see
    `EarlierChecks`.

    Args:
      source: The split; bad files are taken out of it.
      fit: What the images that are returned went through; None returns none.
      bad_images: "stop" or "skip".
      progress: Called with how many files were read, and of how many.

    Returns:
      The images that are left, uint8 `[N, H, W, C]`, or None also where none was read now; and
      the files that were left out.

    Raises:
      UnreadableImages: If files cannot be read and `bad_images` is "stop"; it names them.
      ValueError: If none can be read.
    """
    paths = source.paths
    earlier = None
    if len(paths) >= MANY_FILES:
        earlier = EarlierChecks(paths, (source.image_shape, source.white))
        known = earlier.find()
        if known is not None:
            _LOG.warning(
                "The %s image files in %r have not changed since all were read: they are not read "
                "again before the start. (This is noted in %s.)",
                f"{len(paths):,}",
                source.folder,
                earlier.path,
            )
            return None, _judge(source, known, bad_images)
    images = None if fit is None else np.empty([len(paths), *fit.image_shape], np.uint8)
    kept = 0
    errors: list[tuple[int, str]] = []
    animations: list[int] = []

    def read(path: str) -> tuple[np.ndarray | UnreadablePicture | None, bool]:
        try:
            content = read_file(path)
            image = decode_picture(content, path, source.image_shape[-1], source.white)
            check_size(path, image, source.image_shape)
            animated = is_animation(content)
            return (None if fit is None else fit.fit(image)), animated
        except UnreadablePicture as error:
            return error, False

    for place, (result, animated) in enumerate(in_parallel(read, paths)):
        if isinstance(result, UnreadablePicture):
            errors.append((place, result.reason))
        else:
            if images is not None and result is not None:
                images[kept] = result
            kept += 1
            if animated:
                animations.append(place)
        if progress is not None:
            progress(place + 1, len(paths))
    check = Check(tuple(errors), tuple(animations))
    if earlier is not None:
        earlier.note(check)
    return None if images is None else images[:kept], _judge(source, check, bad_images)


def _judge(source: FolderSource, check: Check, bad_images: str) -> tuple[SkippedImage, ...]:
    """Leaves out the files that cannot be read, or refuses, and says so."""
    if check.animations:
        count = len(check.animations)
        files = "1 file has" if count == 1 else f"{count} files have"
        few = ", ".join(source.file_names[place] for place in check.animations[:3])
        warnings.warn(
            f"{files} several frames or pages, of which the first is taken: "
            f"{few}{', ...' if count > 3 else ''}.",
            stacklevel=4,
        )
    total = source.num_images
    skipped = tuple(SkippedImage(source.file_names[i], reason) for i, reason in check.errors)
    if not skipped:
        return ()
    if bad_images == "stop":
        raise UnreadableImages(skipped, total, source.folder)
    sentence = f"In {source.folder!r} {count_unreadable(skipped, total)}"
    if len(skipped) == total:
        raise ValueError(f"{sentence}: {named(skipped)}.")
    warnings.warn(f"{sentence} and are left out: {named(skipped)}.", stacklevel=4)
    bad = {place for place, _ in check.errors}
    source.keep([place for place in range(total) if place not in bad])
    return skipped
