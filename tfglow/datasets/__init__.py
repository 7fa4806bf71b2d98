"""Images to train on: TFDS data sets, folders of images, and the embedded sets."""

from typing import TYPE_CHECKING

from tfglow.lazy_parts import lazy_parts

if TYPE_CHECKING:
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

__getattr__, __dir__ = lazy_parts(
    __name__,
    {
        "BAD_IMAGES": "checked_files",
        "CACHE_BYTES": "loading",
        "RESIZES": "image_fit",
        "ImageData": "image_data",
        "ImageFit": "image_fit",
        "SkippedImage": "unreadable_images",
        "UnreadableImages": "unreadable_images",
        "load": "loading",
        "unreadable_image_message": "errors",
    },
)
