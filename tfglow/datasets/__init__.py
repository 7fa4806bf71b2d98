"""Images to train on: TFDS data sets, folders of images, and the embedded sets."""

from tfglow.datasets.checked_files import BAD_IMAGES
from tfglow.datasets.errors import unreadable_image_message
from tfglow.datasets.image_data import ImageData
from tfglow.datasets.image_fit import RESIZES, ImageFit
from tfglow.datasets.loading import CACHE_BYTES, load
from tfglow.datasets.unreadable_images import SkippedImage, UnreadableImages

__all__ = [
    "BAD_IMAGES",
    "CACHE_BYTES",
    "RESIZES",
    "ImageData",
    "ImageFit",
    "SkippedImage",
    "UnreadableImages",
    "load",
    "unreadable_image_message",
]
