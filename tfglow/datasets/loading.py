"""Opens a data set by its name."""

import functools
import logging
import math
import os
from collections.abc import Callable, Collection
from typing import Any, cast

import numpy as np

from tfglow.datasets.array_record_source import ArrayRecordSource
from tfglow.datasets.checked_files import BAD_IMAGES, check_files
from tfglow.datasets.folder_source import FolderSource
from tfglow.datasets.image_data import ImageData
from tfglow.datasets.image_fit import ImageFit
from tfglow.datasets.image_folder import check_image_folder
from tfglow.datasets.memory_source import MemorySource
from tfglow.datasets.source import Source
from tfglow.datasets.splits import count_doubles
from tfglow.datasets.tfds_builders import find_builder
from tfglow.datasets.tfds_source import TfdsSource
from tfglow.datasets.unreadable_images import SkippedImage
from tfglow.local_paths import check_local_path
from tfglow.pictures.colours import can_convert
from tfglow.pictures.deep_samples import check_white

# Splits up to this size are kept in memory, decoded. CIFAR-10 (184 MB) and LSUN's churches at
# 64 x 64 (1.6 GB) are, ImageNet at 32 x 32 (3.9 GB) is not; a machine with 8 GiB can train on any.
CACHE_BYTES = 2 * 2**30

_LOG = logging.getLogger("tfglow")


def load(
    name: str,
    split: str,
    data_dir: str | os.PathLike | None = None,
    image_shape: tuple[int, int, int] | None = None,
    resize: str = "resize",
    *,
    train_folder: str | None = None,
    test_folder: str | None = None,
    classes_from: str = "auto",
    cache_bytes: int = CACHE_BYTES,
    bad_images: str = "stop",
    left_out: Collection[str] = (),
    white: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImageData:
    """Opens one split of a data set. Never uses the network.

    If all its images fit into `cache_bytes` they are decoded now and kept in memory; otherwise
    they are decoded whenever they are needed. The files of a folder are all read once before, so
    that what is wrong with them is said now, and the images are the same in every epoch. A large
    folder that was read before and has not changed is not read again: of one that fits into
    `cache_bytes`, an image is then kept when it is first needed.

    Args:
      name: "digits" or "fashion", the embedded data sets; "folder", a folder of images, see
        `FolderFiles`; or the name of a TFDS data set that is prepared in `data_dir`: "cifar10",
        "lsun/church_outdoor", "cifar10:3.0.2".
      split: "train", "test" or a TFDS split specification, such as "train[:90%]". Where a data
        set has no test split, "test" is its validation split, or else a tenth of "train", which
        "train" then leaves out; see `resolve_split`.
      data_dir: The folder of images, or TFDS's folder of data sets (by default `$TFDS_DATA_DIR`
        or `~/tensorflow_datasets`).
      image_shape: (H, W, C) to bring the images to; by default their own, which must then be the
        same for all.
      resize: How they are brought to H and W: "resize", "center_crop" or "random_crop"; see
        `ImageFit`.
      train_folder: The folder of images to train on, relative to `data_dir`, of a folder of images;
        by default it is found by its name, see `FolderFiles`.
      test_folder: The folder of images to test on, likewise.
      classes_from: What the classes of a folder of images are: "auto", subfolders where it is
        certain; "folders", subfolders also where it is not; "none", there are none.
      cache_bytes: Largest split to keep in memory, in bytes of pixels.
      bad_images: What is done about files of a folder that cannot be read: "stop" refuses them,
        all in one sentence; "skip" leaves them out, warns and lists them in `ImageData.skipped`;
        "later" does not look: a file is read when its turn comes, and the batches may raise
        `tf.errors.InvalidArgumentError`, in which `unreadable_image_message` finds the sentence.
        Splits are divided before, so a file that is left out moves no other.
      left_out: Names of a folder's files to leave out, as those of an earlier `skipped`.
      white: The value of white in a folder's samples of more than 8 bits; see `read_picture`.
      progress: Called while the files of a folder are read, with how many were and of how many.

    Raises:
      ValueError: If the data set, the split, the shape or an image file is not as described.

    Example:
      >>> test = tfglow.datasets.load("digits", "test")
      >>> test
      ImageData(name='digits', split='test', num_images=297, image_shape=(8, 8, 1), num_classes=10)
      >>> batch = next(iter(test.batches(32, shuffle=False)))
      >>> batch["image"].shape, batch["label"].numpy()[:5]
      (TensorShape([32, 8, 8, 1]), array([3, 1, 8, 4, 3], dtype=int32))
    """
    for argument, text in (("name", name), ("split", split)):
        if not isinstance(text, str):
            raise ValueError(f"`{argument}` must be a string, got {text!r}.")
    data_dir = os.path.expanduser(check_local_path(data_dir, "`data_dir`")) if data_dir else None
    if bad_images not in BAD_IMAGES:
        known = ", ".join(map(repr, BAD_IMAGES))
        raise ValueError(f"`bad_images` must be one of {known}; got {bad_images!r}.")
    # `ImageFit` checks that there are three numbers.
    wanted = None
    if image_shape is not None:
        wanted = ImageFit(cast("tuple[int, int, int]", tuple(image_shape)), resize)
    folders: dict[str, Any] = {}
    for argument, value, default in (
        ("train_folder", train_folder, None),
        ("test_folder", test_folder, None),
        ("classes_from", classes_from, "auto"),
        ("white", check_white(white), None),
    ):
        if value is not None and value != default:
            folders[argument] = value
    source = _open(name, split, data_dir, wanted, folders, left_out)
    doubles = count_doubles(source.split_sizes, source.split)
    if doubles:
        source.notes += (f"The split {split!r} of {name!r} holds {doubles:,} images twice.",)
    for note in source.notes:
        _say_once(note)
    fit = wanted or ImageFit(_own_shape(source), resize)
    channels = source.image_shape[-1]
    if not can_convert(channels, fit.image_shape[-1]):
        raise ValueError(
            f"`image_shape` = {fit.image_shape} cannot be had from {name!r}, whose images have "
            f"{channels} channels: only grey and RGB, 1 and 3 channels, are converted."
        )
    kept = fit.deterministic and source.num_images * math.prod(fit.image_shape) <= cache_bytes
    if not isinstance(source, FolderSource):
        return ImageData(MemorySource.read(source, fit) if kept else source, fit)
    images: np.ndarray | None = None
    skipped: tuple[SkippedImage, ...] = ()
    if bad_images != "later":
        images, skipped = check_files(source, fit.pictures if kept else None, bad_images, progress)
    skipped = source.left_out + skipped
    if images is not None:
        return ImageData(MemorySource(source, images, source.labels), fit, skipped)
    if kept:
        source.keep_images(fit.image_shape)
    return ImageData(source, fit, skipped)


@functools.cache
def _say_once(note: str) -> None:
    """Writes a line to standard error, unless the program set up logging in another way."""
    _LOG.warning(note)


def _open(
    name: str,
    split: str,
    data_dir: str | None,
    fit: ImageFit | None,
    folders: dict[str, Any],
    left_out: Collection[str],
) -> Source:
    if name != "folder":
        if folders:
            argument, value = next(iter(folders.items()))
            raise ValueError(
                f"`{argument}` = {value!r} is for a folder of images, not for the data set "
                f"{name!r}."
            )
        builder = find_builder(name, data_dir)
        by_number = builder.info.file_format is not None and (
            builder.info.file_format.value == "array_record"
        )
        return (ArrayRecordSource if by_number else TfdsSource)(builder, split)
    folder = check_image_folder(data_dir)
    shape = fit.image_shape if fit else None
    return FolderSource(folder, split, shape, left_out=left_out, **folders)


def _own_shape(source: Source) -> tuple[int, int, int]:
    height, width, channels = source.image_shape
    if height is None or width is None:
        raise ValueError(
            f"The images of {source.name!r} vary in size, {source.image_shape}: give the "
            "`image_shape` to bring them to."
        )
    return height, width, channels
