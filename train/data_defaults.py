"""A configuration that suits a data set for which there is no preset."""

import dataclasses
import math

from tfglow import GlowConfig
from train.config import OFFICIAL_ANCHOR_SIZE, OFFICIAL_EPOCH_IMAGES, TrainConfig

# The fields that depend on the data.
CHOSEN_FIELDS = (
    "image_shape",
    "num_bits",
    "levels",
    "steps",
    "width",
    "coupling",
    "gradient_checkpointing",
    "resize",
    "batch_size",
    "epochs",
    "epoch_images",
    "optimizer",
    "beta_2",
    "warmup_steps",
)

# Steps a level and width, by the number of training images that they are for, at the least. The
# last are the paper's, for 50,000 images and more; a large model learns fewer images by heart.
_SIZES = ((0, 8, 64), (1_000, 16, 128), (10_000, 16, 256), (OFFICIAL_EPOCH_IMAGES, 32, 512))

_MOST_LEVELS = 6  # The paper's, for 256x256 pixels.
_LEAST_SIDE = 4  # Pixels of the last level's images: those of all of the paper's models.
_LARGEST_SIDE = 256  # Pixels; the paper has no larger images.
# From so many pixels a side on, the paper models 5 bits, by additive couplings.
_LARGE_SIDE = 128

_GPU_IMAGES = 64  # Images of 32x32 pixels in the official code's batch of a GPU.
_SMALLEST_BATCH = 8

# How often a run sees each image: enough for a small data set, and fewer times if that would be
# more than so many images.
_PASSES = (10, 100)
_MOST_IMAGES_SEEN = 5_000_000
# About how many images an epoch has, if the data set has fewer, and the most passes that make it.
_EPOCH_IMAGES = 10_000
_MOST_EPOCH_PASSES = 20


def fitting_shape(image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """The model's shape for images of a shape `(H, W, C)`.

    That of the images, if its sides can be halved for all levels but one that suit its size, else
    the next smaller one. No side is longer than 256 pixels.
    """
    height, width, channels = image_shape
    scale = min(1.0, _LARGEST_SIDE / max(height, width))
    height, width = (max(2, round(side * scale)) for side in (height, width))
    factor = 2 ** max(1, _wanted_levels((height, width)) - 1)
    return height // factor * factor, width // factor * factor, channels


def data_defaults(
    image_shape: tuple[int, int, int],
    num_images: int,
    *,
    batch_size: int | None = None,
    epochs: int | None = None,
    epoch_images: int | None = None,
) -> TrainConfig:
    """The configuration for images of a shape, and so many to train on.

    - Levels: as many as leave the last one's images at least 4 pixels high and wide, and as the
      shape can be halved; at most 6. From 128 pixels a side on 5 bits, additive couplings and
      gradient checkpointing, else 8 bits and affine couplings.
    - Steps a level and width: 8 and 64, from 1,000 images on 16 and 128, from 10,000 on 16 and
      256, from 50,000 on the paper's 32 and 512.
    - A batch has as many pixels as 64 images of 32x32, but 8 to 64 images. Each image is seen 100
      times, or so often that it is 5 million in all, but 10 times at least. An epoch is the whole
      split, or as many passes over it as make 10,000 images, at most 20.
    - From 50,000 images on, the optimizer is the official code's. For fewer it is Adam, with a
      warm-up over the first tenth of the run, if that is shorter than the official code's.
    - Images of another shape are scaled until they cover the model's, and cropped in the middle:
      nothing is distorted.

    Args:
      image_shape: (H, W, C) of the model's images; see `fitting_shape`.
      num_images: How many there are to train on.
      batch_size: A batch size that was given; None for that above.
      epochs: Epochs that were given; None for those above.
      epoch_images: Images an epoch that were given; None for those above.
    """
    large = max(image_shape[:2]) >= _LARGE_SIDE
    _, steps, width = max(size for size in _SIZES if size[0] <= num_images)
    model = GlowConfig(
        image_shape=image_shape,
        levels=max(1, min(_wanted_levels(image_shape[:2]), _halvings(image_shape[:2]))),
        steps=steps,
        width=width,
        coupling="additive" if large else "affine",
        num_bits=5 if large else 8,
        gradient_checkpointing=large,
    )
    batch_size = batch_size or _batch_size(image_shape, num_images)
    passes = min(max(_MOST_IMAGES_SEEN // max(1, num_images), _PASSES[0]), _PASSES[1])
    epoch_passes = min(max(1, round(_EPOCH_IMAGES / max(1, num_images))), _MOST_EPOCH_PASSES)
    if epoch_images is None and epoch_passes > 1:
        epoch_images = epoch_passes * num_images
    if epochs is None:
        epochs = max(1, round(passes * num_images / (epoch_images or max(1, num_images))))
    config = TrainConfig(
        model=model,
        resize="center_crop",
        batch_size=batch_size,
        epochs=epochs,
        epoch_images=epoch_images,
    )
    if num_images >= OFFICIAL_EPOCH_IMAGES:
        return config
    return _small(config, num_images)


def _small(config: TrainConfig, num_images: int) -> TrainConfig:
    """With the optimizer for a short run."""
    total_steps = config.epochs * math.ceil((config.epoch_images or num_images) / config.batch_size)
    return dataclasses.replace(
        config,
        optimizer="adam",
        beta_2=0.999,
        warmup_steps=min(total_steps // 10, 10 * config.official_epoch_steps),
    )


def _wanted_levels(sides: tuple[int, int]) -> int:
    return min(max(1, int(math.log2(min(sides) / _LEAST_SIDE))), _MOST_LEVELS)


def _halvings(sides: tuple[int, int]) -> int:
    """How often all of the sides can be halved."""
    common = math.gcd(*sides)
    return (common & -common).bit_length() - 1


def _batch_size(image_shape: tuple[int, int, int], num_images: int) -> int:
    """A power of two, which most numbers of replicas divide; no more than there are images."""
    height, width, _ = image_shape
    pixels = _GPU_IMAGES * OFFICIAL_ANCHOR_SIZE**2
    wanted = min(max(pixels // (height * width), _SMALLEST_BATCH), _GPU_IMAGES, max(1, num_images))
    return 2 ** int(math.log2(wanted))
