"""Samples of more than 8 bits, scaled to 8."""

import io
import operator
import struct
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from tfglow.pictures.blocks import blocks, by_rows
from tfglow.pictures.kinds import FORMATS

FULL = 65535  # White, where all 16 bits are used.
MOST = 2**32 - 1  # The largest value of the samples that are read.
# Values up to here fit 14 bits: more likely a scan of 10, 12 or 14 bits than a dark picture.
_DOUBTFUL = 2**14 - 1

_BITS_PER_SAMPLE, _PHOTOMETRIC, _MAX_SAMPLE_VALUE, _SAMPLE_FORMAT = 258, 262, 281, 339


def check_white(white: Any) -> int | None:
    """The value of white that was given, as an int of Python's; None is None.

    Raises:
      ValueError: If it is not an integer from 1 to 2**32 - 1.
    """
    if white is None:
        return None
    try:
        number = None if isinstance(white, bool | np.bool_) else operator.index(white)
    except TypeError:
        number = None
    if number is None or not 1 <= number <= MOST:
        raise ValueError(f"`white` must be an integer from 1 to {MOST}; got {white!r}.")
    return number


def is_deep(image: Image.Image) -> bool:
    """Whether a picture that was opened, and not yet loaded, has more than 8 bits a sample.

    Raises:
      ValueError: If Pillow would take its samples for others than they are.
    """
    deep = image.mode.startswith(("I", "F")) or any(
        # "BGR;16" is a pixel of 16 bits, not a sample.
        ";16" in raw and raw != "BGR;16"
        for raw in raw_modes(image)
    )
    if isinstance(image, TiffImageFile) and not deep:
        if max(_numbers(image, _BITS_PER_SAMPLE)) > 8:
            raise ValueError(
                "its samples of more than 8 bits lie in a plane a channel, which is read only "
                "where they are compressed."
            )
        if 2 in _numbers(image, _SAMPLE_FORMAT):
            raise ValueError("its samples are signed, of which it does not say what is white.")
    return deep


def eight_bits(image: Image.Image, content: bytes, white: int | None) -> Image.Image:
    """The picture with 8 bits a sample: round(255 · value / white).

    What white is:
      - what the file says: TIFF's BitsPerSample and MaxSampleValue, PNG's sBIT, PPM's maxval;
      - else `white`, if it is given, unless a value of 16 bits is more than it and needs more than
        14 bits: such a picture is in no doubt;
      - else 65535, if some value needs more than 14 bits, or all are 0.

    Args:
      image: The picture, opened and not yet loaded; `is_deep` holds.
      content: The file that it is from.
      white: The value of white, or None.

    Returns:
      A picture of mode L, LA, RGB, RGBA or CMYK. Alpha is scaled by 65535.

    Raises:
      ValueError: If nothing says what white is, or a value is more than white.
    """
    layouts = raw_modes(image)
    said = _white_of_file(image)
    inverted = isinstance(image, TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC) == 0
    key = image.info.get("transparency")
    wide = False
    if image.mode == "F":
        raise ValueError("its samples are real numbers, of which it does not say what is white.")
    if image.mode.startswith("I"):
        values = np.asarray(image)[..., np.newaxis]  # [h, w, 1]
        wide = image.mode == "I" and image.format == "TIFF"
        if wide and _is_unsigned(image):
            values = values.view(np.uint32)  # Pillow takes the highest bit for a sign.
        if wide and said is None and white is None:
            raise ValueError(
                "its samples are integers of 32 bits, or signed, of which it does not say what is "
                "white; --white=VALUE says it."
            )
        mode = "L"
    else:
        values, mode = _both_bytes(image, content, layouts)
    alpha = None
    if mode in ("LA", "RGBA"):
        values, alpha = values[..., :-1], values[..., -1]
    elif key is not None and not isinstance(key, bytes):
        alpha = (values != np.array(key)).any(axis=-1).astype(np.uint16) * np.uint16(FULL)
        mode = {"L": "LA", "RGB": "RGBA"}[mode]
    if white is not None and not wide and _is_in_no_doubt(values, white):
        white = None
    white = said or _white_of_png(values, content) or white or _white_of_values(values)
    if not 0 <= values.min() <= values.max() <= white:
        raise ValueError(
            f"its samples go from {values.min()} to {values.max()}, but white is {white}."
        )
    inverted = inverted and mode == "L"
    channels = [_scaled(values[..., i], white, inverted) for i in range(values.shape[-1])]
    if alpha is not None:
        channels.append(_scaled(alpha, FULL))
    bands = [Image.fromarray(channel) for channel in channels]
    return bands[0] if mode == "L" else Image.merge(mode, bands)


def raw_modes(image: Image.Image) -> list[str]:
    """How the samples lie in the file, by Pillow's names."""
    found = []
    for tile in getattr(image, "tile", []):
        args = tile[3]
        raw = args[0] if isinstance(args, tuple) and args else args
        if isinstance(raw, str):
            found.append(raw)
    return found


def _both_bytes(image: Image.Image, content: bytes, layouts: list[str]) -> tuple[np.ndarray, str]:
    """The 16-bit samples `[h, w, c]` of what Pillow reads as 8 bits, and their mode.

    Pillow takes the high byte of a sample. Told that the bytes lie the other way round, it takes
    the low one.
    """
    if layouts == ["LA;16B"]:  # Four bytes: grey's two and alpha's.
        pairs = np.asarray(_reopened(content, {"LA;16B": "RGBA"}))
        return _joined(pairs[..., 0::2], pairs[..., 1::2]), "LA"
    high = np.asarray(image)
    native = "B" if struct.pack("=H", 1)[0] else "L"
    other = {"B": "L", "L": "B", "N": native}
    swapped = {raw: raw[:-1] + other[raw[-1]] for raw in layouts if raw[-3:-1] == "16"}
    try:
        low = np.asarray(_reopened(content, swapped))
    except (ValueError, OSError):  # Pillow does not know these the other way round.
        low = high
    return _joined(high, low), image.mode


def _joined(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Samples of 16 bits from their two bytes."""
    samples = high.astype(np.uint16)
    samples <<= 8
    samples |= low
    return samples


def _reopened(content: bytes, layouts: dict[str, str]) -> Image.Image:
    """The picture once more, its samples taken in other layouts."""
    image = Image.open(io.BytesIO(content), formats=FORMATS)
    tiles = []
    for codec, box, offset, args in image.tile:
        raw = args[0] if isinstance(args, tuple) else args
        raw = layouts[str(raw)]
        tiles.append((codec, box, offset, (raw, *args[1:]) if isinstance(args, tuple) else raw))
    image.tile = [type(old)(*new) for old, new in zip(image.tile, tiles, strict=True)]
    image.load()
    return image


def _numbers(image: TiffImageFile, tag: int) -> tuple[int, ...]:
    """What a TIFF says of each channel; 1 where it says nothing."""
    found = image.tag_v2.get(tag, (1,))
    return tuple(found) if isinstance(found, tuple) and found else (1,)


def _is_unsigned(image: Image.Image) -> bool:
    """Whether a TIFF of mode I holds unsigned integers of 32 bits."""
    return isinstance(image, TiffImageFile) and (
        set(_numbers(image, _SAMPLE_FORMAT)) == {1} and max(_numbers(image, _BITS_PER_SAMPLE)) == 32
    )


def _white_of_file(image: Image.Image) -> int | None:
    """The value of white, where the file's header says it."""
    if image.format == "PPM":
        return FULL  # Pillow has scaled by maxval.
    if not isinstance(image, TiffImageFile):
        return None
    stated = image.tag_v2.get(_MAX_SAMPLE_VALUE)
    stated = stated[0] if isinstance(stated, tuple) and stated else stated
    if isinstance(stated, int) and stated > 0:
        return stated
    bits = image.tag_v2.get(_BITS_PER_SAMPLE, (16,))
    bits = bits[0] if isinstance(bits, tuple) else bits
    return 2**bits - 1 if 8 < bits < 16 else None


def _white_of_png(values: np.ndarray, content: bytes) -> int | None:
    """The value of white, where a PNG says how many bits are significant.

    Samples should then be scaled to all 16 bits; some programs leave them as they were.
    """
    bits = _significant_bits(content)
    if bits is None:
        return None
    unscaled = int(values.max(initial=0)) < 2**bits and not _is_scaled(values, bits)
    return 2**bits - 1 if unscaled else FULL


def _is_in_no_doubt(values: np.ndarray, white: int) -> bool:
    """Whether samples of 16 bits are not such that the user said `white` of them."""
    largest = int(values.max(initial=0))
    return white > FULL or largest > max(white, _DOUBTFUL)


def _white_of_values(values: np.ndarray) -> int:
    """The value of white, by the samples themselves.

    Raises:
      ValueError: If they do not tell.
    """
    largest = int(values.max(initial=0))
    if 0 < largest <= _DOUBTFUL:
        raise ValueError(
            f"its samples have 16 bits, but none is more than {largest}: whether white is 65535 "
            "(then this is a dark picture) or less, such as 4095, it does not say; --white=VALUE "
            "says it."
        )
    return FULL


def _is_scaled(values: np.ndarray, bits: int) -> bool:
    """Whether samples of so many bits fill 16: by shifting, or shifting and repeating the top."""
    spare = 16 - bits
    for rows in blocks(len(values), values[0].size):
        part = values[rows].astype(np.int64)
        top = part >> spare
        shifted = top << spare
        filled = shifted | (top >> max(0, bits - spare))
        if not ((part == shifted) | (part == filled)).all():
            return False
    return True


def _significant_bits(content: bytes) -> int | None:
    """The bits of a PNG's first channel by its sBIT chunk, if that says fewer than 16."""
    position = 8
    while content.startswith(b"\x89PNG") and position + 9 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        if kind == b"sBIT" and length:
            bits = content[position + 8]
            return bits if 8 <= bits < 16 else None
        if kind == b"IDAT":
            break
        position += 12 + length
    return None


def _scaled(values: np.ndarray, white: int, inverted: bool = False) -> np.ndarray:
    def scaled(part: np.ndarray) -> np.ndarray:
        part = part.astype(np.int64)
        part = white - part if inverted else part
        return ((part * 510 + white) // (2 * white)).astype(np.uint8)

    return by_rows(scaled, values)
