"""Every file of a folder read once, before any is trained on."""

import warnings
from collections.abc import Callable

import numpy as np

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
      UnreadableImages: If files cannot be read and `bad_images` is "stop"; it names them.
      ValueError: If none can be read.
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
        files = "1 file has" if len(animations) == 1 else f"{len(animations)} files have"
        more = ", ..." if len(animations) > 3 else ""
        warnings.warn(
            f"{files} several frames or pages, of which the first is taken: "
            f"{', '.join(animations[:3])}{more}.",
            stacklevel=3,
        )
    skipped = tuple(SkippedImage(source.file_names[i], error.reason) for i, error in errors)
    if errors:
        _refuse_or_warn(source, skipped, bad_images)
        source.keep(kept)
    return None if images is None else images[: len(kept)], skipped


def _refuse_or_warn(
    source: FolderSource, skipped: tuple[SkippedImage, ...], bad_images: str
) -> None:
    total = source.num_images
    if bad_images == "stop":
        raise UnreadableImages(skipped, total, source.folder)
    sentence = f"In {source.folder!r} {count_unreadable(skipped, total)}"
    if len(skipped) == total:
        raise ValueError(f"{sentence}: {named(skipped)}.")
    warnings.warn(f"{sentence} and are left out: {named(skipped)}.", stacklevel=4)
