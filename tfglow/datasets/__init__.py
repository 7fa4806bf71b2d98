"""Images to train on: TFDS data sets, folders of images, and the embedded digits."""

from tfglow.datasets.checked_files import BAD_IMAGES, SkippedImage
from tfglow.datasets.errors import unreadable_image_message
from tfglow.datasets.image_data import ImageData
from tfglow.datasets.image_fit import RESIZES, ImageFit
from tfglow.datasets.loading import CACHE_BYTES, load

__all__ = [
    "BAD_IMAGES",
    "CACHE_BYTES",
    "RESIZES",
    "ImageData",
    "ImageFit",
    "SkippedImage",
    "load",
    "unreadable_image_message",
]
