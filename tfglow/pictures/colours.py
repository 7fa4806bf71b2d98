"""Colours of pictures: profiles, transparency, grey."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

from tfglow.pictures.blocks import by_rows

_SRGB = ImageCms.createProfile("sRGB")
# Pillow's modes by the colour space that a profile is for.
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_GREY_OR_COLOUR = (1, 2, 3, 4)  # grey, grey with alpha, RGB, RGB with alpha


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The colours of a loaded picture of 8 bits, and its alpha.

    - Palettes are looked up. A palette's transparency, and a colour that is declared transparent,
      become alpha.
    - A colour profile is followed (perceptual intent), except one that is called sRGB, and one that
      is damaged or for another colour space, which are passed over.
    - CMYK without a profile is R = (255 − C)·(255 − K) / 255, and so on; CIELAB is that of D50.

    Args:
      image: The picture.
      profile: Its ICC profile, or None.

    Returns:
      uint8 `[h, w, 1]` (grey) or `[h, w, 3]` (sRGB), and uint8 `[h, w, 1]` or None.

    Raises:
      ValueError: If a palette is missing.
    """
    image.load()
    image = _looked_up(image)
    alpha = None
    if image.mode in ("LA", "RGBA"):
        alpha = np.asarray(image.getchannel("A"))[..., np.newaxis]
        image = image.convert(image.mode[:-1])
    grey = image.mode == "L"
    if profile:
        image = _followed(image, profile)
    if image.mode == "LAB":
        image = _applied(image, _lab_transform())
    elif image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[..., np.newaxis]
    return (to_grey(pixels) if grey else pixels), alpha


def _looked_up(image: Image.Image) -> Image.Image:
    """The picture in one of the modes L, LA, RGB, RGBA, CMYK and LAB."""
    transparent = "transparency" in image.info
    if image.mode in ("1", "L"):
        return image.convert("LA" if transparent else "L")
    if image.mode in ("P", "PA"):
        if image.palette is None or not image.palette.palette:
            raise ValueError("it has no palette, whose colours its pixels are.")
        return image.convert("RGBA" if transparent or image.mode == "PA" else "RGB")
    if image.mode == "RGB" and transparent:
        return image.convert("RGBA")
    if image.mode in ("LA", "RGB", "RGBA", "CMYK", "LAB"):
        return image
    return image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, "RGB"))


def _followed(image: Image.Image, profile: bytes) -> Image.Image:
    """The picture in sRGB; as it is where its profile is not for it."""
    found = _transform(profile)
    if found is None:
        return image
    mode, transform = found
    if image.mode == "L" and mode == "RGB":
        image = image.convert("RGB")
    if image.mode != mode:
        return image
    try:
        return _applied(image, transform)
    except (ImageCms.PyCMSError, ValueError):
        return image


def _applied(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    applied = ImageCms.applyTransform(image, transform)
    return image if applied is None else applied  # None is for changes in place.


@functools.lru_cache(16)
def _transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform] | None:
    """From a profile to sRGB, with the mode that it takes; None if there is nothing to do."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _PROFILE_MODES.get(opened.profile.xcolor_space.strip())
        if mode is None or "sRGB" in (opened.profile.profile_description or ""):
            return None
        return mode, ImageCms.buildTransform(opened, _SRGB, mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, UnicodeDecodeError):
        return None


@functools.cache
def _lab_transform() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), _SRGB, "LAB", "RGB")


def on_white(pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """A picture as it looks on white paper: (a·x + (255 − a)·255) / 255, rounded.

    What lies under full transparency is whatever its program left there, often black: nobody has
    seen it, and a model should not learn it.

    Args:
      pixels: uint8 `[h, w, c]`.
      alpha: uint8 `[h, w, 1]`, or None.
    """
    if alpha is None or (alpha == 255).all():
        return pixels
    return by_rows(_blended, pixels, alpha)


def to_grey(pixels: np.ndarray) -> np.ndarray:
    """The luma 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded, halves to even: `[h, w, 1]`.

    Args:
      pixels: uint8 `[h, w, 3]`, or grey `[h, w, 1]`, which is returned as it is.
    """
    if pixels.shape[-1] == 1:
        return pixels
    return by_rows(_luma, pixels)


def _blended(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    a = alpha.astype(np.int32)
    return ((a * pixels + (255 - a) * 255 + 127) // 255).astype(np.uint8)


def _luma(pixels: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(pixels.astype(np.int32), -1, 0)
    luma = np.rint((299 * red + 587 * green + 114 * blue) / 1000)
    return luma.astype(np.uint8)[..., np.newaxis]


def can_convert(source: int, target: int) -> bool:
    """Whether images of `source` channels can become images of `target` channels."""
    return source == target or (source in _GREY_OR_COLOUR and target in (1, 3))


def convert_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """An image with the given number of channels.

    Alpha becomes white paper, see `on_white`; grey becomes RGB with three equal channels; RGB
    becomes grey, see `to_grey`.

    Args:
      image: uint8 `[h, w, c]`.
      channels: C; `can_convert(c, C)` must hold.

    Returns:
      uint8 `[h, w, C]`.

    Raises:
      ValueError: If c cannot become C.
    """
    source = image.shape[-1]
    if not can_convert(source, channels):
        raise ValueError(
            f"An image of {source} channels cannot become one of {channels}: only grey and RGB, "
            "1 and 3 channels, are converted."
        )
    if source == channels:
        return image
    if source in (2, 4):
        image = on_white(image[..., :-1], image[..., -1:])
    if channels == 1:
        return to_grey(image)
    return image if image.shape[-1] == 3 else image.repeat(3, axis=-1)
