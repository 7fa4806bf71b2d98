"""Every file of a folder read once, before any is trained on."""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tfglow.datasets.folder_source import FolderSource, check_size
from tfglow.pictures.in_parallel import in_parallel
from tfglow.pictures.picture_fit import PictureFit
from tfglow.pictures.reading import decode_picture, is_animation, read_file
from tfglow.pictures.unreadable_picture import UnreadablePicture

# What may be done about files that cannot be read.
BAD_IMAGES = ("stop", "skip", "later")

# So many are named in a sentence.
_NAMED = 5


class SkippedImage(NamedTuple):
    """A file that was left out."""

    # Relative to the folder.
    file: str
    reason: str


def check_files(
    source: FolderSource,
    fit: PictureFit | None,
    bad_images: str,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray | None, tuple[SkippedImage, ...]]:
    """Reads every file of a split; leaves out those that cannot be read, or refuses.

    Args:
      source: The split; bad files are taken out of it.
      fit: What the images that are returned went through; None returns none.
      bad_images: "stop" or "skip".
      progress: Called with how many files were read, and of how many.

    Returns:
      The images that are left, uint8 `[N, H, W, C]`, or None; and the files that were left out.

    Raises:
      ValueError: If a file cannot be read and `bad_images` is "stop", or if none can.
    """
    paths = source.paths
    images = None if fit is None else np.empty([len(paths), *fit.image_shape], np.uint8)
    kept: list[int] = []
    errors: list[tuple[int, UnreadablePicture]] = []
    animations: list[str] = []

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
            errors.append((place, result))
        else:
            if images is not None and result is not None:
                images[len(kept)] = result
            kept.append(place)
            if animated:
                animations.append(source.file_names[place])
        if progress is not None:
            progress(place + 1, len(paths))
    if animations:
        _warn(f"{_count(animations, 'file has', 'files have')} several frames or pages, of which "
              f"the first is taken: {_named(animations)}.")  # fmt: skip
    skipped = tuple(SkippedImage(source.file_names[i], error.reason) for i, error in errors)
    if errors:
        _refuse_or_warn(errors, skipped, len(paths), bad_images)
        source.keep(kept)
    return None if images is None else images[: len(kept)], skipped


def _refuse_or_warn(
    errors: list[tuple[int, UnreadablePicture]],
    skipped: tuple[SkippedImage, ...],
    total: int,
    bad_images: str,
) -> None:
    advice = "--bad_images=skip leaves such files out."
    if len(errors) == 1 and bad_images == "stop":
        raise ValueError(f"{errors[0][1]} ({advice.rstrip('.')}.)") from errors[0][1]
    files = _named([f"{file!r} ({reason.rstrip('.')})" for file, reason in skipped])
    sentence = f"{len(errors)} of {total} image files cannot be read"
    if bad_images == "stop":
        raise ValueError(f"{sentence}: {files}. {advice}")
    if len(errors) == total:
        raise ValueError(f"{sentence}: {files}.")
    _warn(f"{sentence} and are left out: {files}.")


def _count(names: list[str], one: str, many: str) -> str:
    return f"1 {one}" if len(names) == 1 else f"{len(names)} {many}"


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _warn(sentence: str) -> None:
    warnings.warn(sentence, stacklevel=4)
