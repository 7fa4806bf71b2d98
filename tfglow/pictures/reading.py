"""The one way to read a picture file.

| what a file holds | what is read |
|---|---|
| 1 bit, grey (1, L) | grey; of 1 bit 0 and 255 |
| palette (P, PA) | the palette's colours; refused where it is missing |
| RGB, RGBX | as it is |
| grey or RGB with alpha (LA, La, PA, RGBA, RGBa), transparent colours | as on white paper |
| CMYK, YCbCr, CIELAB | sRGB; also the inverted CMYK of Adobe's JPEGs |
| 16 bits a sample, grey or colour | scaled by what white is; refused where nothing says that |
| the same in a TIFF of a plane a channel | scaled where they are compressed; else refused |
| 32-bit integers | TIFF: scaled where it says what white is; else refused |
| signed integers of 8 bits, real numbers | refused |
| a colour profile | sRGB; of grey pictures too |
| an orientation (EXIF, TIFF, XMP) | upright |
| several frames or pages | the first |

A file is known by its content, whatever its name says.
"""

import io
import os
import stat
from typing import IO

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from tfglow.local_paths import path_text
from tfglow.pictures import colours, deep_samples
from tfglow.pictures.kinds import FORMATS, foreign_kind
from tfglow.pictures.unreadable_picture import UnreadablePicture

# Importing a plugin registers it; `Image.open` imports only some by itself.
_PLUGINS = (
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,  # JPEG files with several pictures, as telephones write them.
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

# The largest picture: Pillow's own limit, from which on it warns. Such a one takes 0.4 to 1.4 GB
# while it is read, with 16 bits a sample up to 1.6.
MAX_PIXELS = 89_478_485
MAX_BYTES = 2**30

_ORIENTATION = 0x0112
# The bytes by which a file is told to be of another kind.
_START = 4096


def read_picture(
    path: str | bytes | os.PathLike, channels: int | None = None, white: int | None = None
) -> np.ndarray:
    """The pixels of a picture file, uint8 `[h, w, c]`.

    Args:
      path: The file.
      channels: c. 1 is grey and 3 is sRGB, both on white paper where the picture is transparent; 2
        and 4 are the same with alpha. None: 1 for a grey picture, else 3.
      white: The value of white in samples of more than 8 bits, where the file does not say it and
        its values leave a doubt; by default 65535, if they show that; see
        `deep_samples.eight_bits`.

    Raises:
      UnreadablePicture: If it cannot be read, or not with these channels.
      ValueError: If `white` is no such value.

    Example:
      >>> from PIL import Image
      >>> from tfglow.pictures.reading import read_picture
      >>> Image.new("RGB", (4, 2), "red").save("red.png")
      >>> read_picture("red.png").shape
      (2, 4, 3)
      >>> read_picture("red.png", channels=1)[0, 0]  # The luma of red.
      array([76], dtype=uint8)
    """
    name = path_text(path, "The image file")
    return decode_picture(read_file(path), name, channels, white)


def decode_picture(
    content: bytes, name: str, channels: int | None = None, white: int | None = None
) -> np.ndarray:
    """`read_picture` of a file's content, uint8 `[h, w, c]`.

    Args:
      content: The file's bytes.
      name: Its name, for messages.
      channels: c, as for `read_picture`.
      white: The value of white, as for `read_picture`.

    Raises:
      UnreadablePicture: If it cannot be read, or not with these channels.

    Example:
      >>> from pathlib import Path
      >>> from PIL import Image
      >>> from tfglow.pictures.reading import decode_picture
      >>> Image.new("L", (4, 2), 9).save("grey.png")
      >>> decode_picture(Path("grey.png").read_bytes(), "grey.png")[..., 0]
      array([[9, 9, 9, 9],
             [9, 9, 9, 9]], dtype=uint8)
    """
    white = deep_samples.check_white(white)
    try:
        with _opened(io.BytesIO(content)) as image:
            pixels = _pixels(image, content, channels, white)
    except Exception as error:  # Pillow's readers of damaged files raise whatever they meet.
        raise UnreadablePicture(name, _reason(error, content)) from error
    return np.ascontiguousarray(pixels)


def picture_shape(path: str | bytes | os.PathLike) -> tuple[int, int, int]:
    """The shape that `read_picture` gives a file, from its header alone where that says it.

    Raises:
      UnreadablePicture: If it has none.

    Example:
      >>> from PIL import Image
      >>> from tfglow.pictures.reading import picture_shape
      >>> Image.new("L", (4, 2), 9).save("grey.png")
      >>> picture_shape("grey.png")
      (2, 4, 1)
    """
    name = path_text(path, "The image file")
    start = b""
    try:
        _check_file(path, name)
        with open(path, "rb") as file:
            # What else it is, an error says by it.
            start = file.read(_START)
            file.seek(0)
            with _opened(file) as image:
                return _upright_shape(image)
    except UnreadablePicture:
        raise
    except Exception as error:
        raise UnreadablePicture(name, _reason(error, start)) from error


def is_animation(content: bytes) -> bool:
    """Whether a file that can be read holds several frames or pages, of which the first is read.

    Example:
      >>> from pathlib import Path
      >>> from PIL import Image
      >>> from tfglow.pictures.reading import is_animation
      >>> Image.new("L", (4, 2), 9).save("grey.png")
      >>> is_animation(Path("grey.png").read_bytes())
      False
    """
    try:
        with _opened(io.BytesIO(content)) as image:
            return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    except Exception:  # What follows the first frame is nobody's concern.
        return False


def read_file(path: str | bytes | os.PathLike) -> bytes:
    """A file's content.

    Raises:
      UnreadablePicture: If it is no file, is too large, or cannot be read.

    Example:
      >>> from tfglow.pictures.reading import read_file
      >>> read_file("absent.png")
      Traceback (most recent call last):
          ...
      tfglow.pictures.unreadable_picture.UnreadablePicture: Cannot read the image file 'absent.png':
          No such file or directory.
    """
    name = path_text(path, "The image file")
    try:
        _check_file(path, name)
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        if isinstance(error, UnreadablePicture):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadablePicture(name, f"{reason}.") from error


def _check_file(path: str | bytes | os.PathLike, name: str) -> None:
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise UnreadablePicture(name, "it is not a file.")
    if found.st_size > MAX_BYTES:
        raise UnreadablePicture(
            name, f"it has {found.st_size} bytes, a picture at most {MAX_BYTES}."
        )


def _opened(file: IO[bytes]) -> Image.Image:
    image = Image.open(file, formats=FORMATS)
    width, height = image.size
    if width < 1 or height < 1:
        raise ValueError(f"it has {width} x {height} pixels.")
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"it has {width} x {height} pixels, a picture at most {MAX_PIXELS / 1e6:.0f} million."
        )
    return image


def _pixels(
    image: Image.Image, content: bytes, channels: int | None, white: int | None
) -> np.ndarray:
    profile = image.info.get("icc_profile")
    deep = deep_samples.is_deep(image)
    eight = deep_samples.eight_bits(image, content, white) if deep else image
    pixels, alpha = colours.to_srgb(eight, profile)
    if channels in (2, 4) and alpha is not None:
        pixels = np.concatenate([pixels, alpha], axis=-1)
    else:
        pixels = colours.on_white(pixels, alpha)
    # Pillow turns TIFF files upright itself.
    pixels = _upright(pixels, _orientation(image))
    return pixels if channels is None else colours.convert_channels(pixels, channels)


def _is_grey_with_alpha(image: Image.Image) -> bool:
    """Whether Pillow reads a grey picture with alpha as RGB, which it does of 16 bits in PNG."""
    return any(raw.startswith("LA;16") for raw in deep_samples.raw_modes(image))


def _orientation(image: Image.Image) -> int:
    """The orientation that the file notes, 1 to 8; 1 if it notes none, or something damaged."""
    try:
        noted = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return noted if isinstance(noted, int) and 1 <= noted <= 8 else 1


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels `[h, w, c]` as their orientation wants them shown (EXIF 2.3, tag 0x0112)."""
    if orientation >= 5:  # The first row is a side.
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _upright_shape(image: Image.Image) -> tuple[int, int, int]:
    """The shape that `read_picture` gives what is opened, from its header alone."""
    width, height = image.size
    grey = image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I")
    grey = grey or _is_grey_with_alpha(image)
    # Pillow says a TIFF's size as it is upright. Of a PNG that notes no orientation before its
    # pixels it would read these.
    noted = image.format != "PNG" or "exif" in image.info or "xmp" in image.info
    if image.format != "TIFF" and noted and _orientation(image) >= 5:
        width, height = height, width
    return height, width, 1 if grey else 3


def _reason(error: Exception, content: bytes) -> str:
    """What is wrong, in words that stand in one line and end with a full stop."""
    if isinstance(error, UnidentifiedImageError):
        return foreign_kind(content)
    if isinstance(error, MemoryError):
        return "it takes more memory than there is."
    text = str(getattr(error, "strerror", None) or error).split("\n")[0].strip().rstrip(".")
    if not text or isinstance(error, KeyError | IndexError | AttributeError):
        text = f"it is damaged ({type(error).__name__}{': ' if text else ''}{text})"
    return f"{text}."
