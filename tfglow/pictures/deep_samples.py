"""Samples of more than 8 bits, scaled to 8."""

import io
import struct

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from tfglow.pictures.kinds import FORMATS

FULL = 65535  # White, where all 16 bits are used.
# Values up to here fit 14 bits: more likely a scan of 10, 12 or 14 bits than a dark picture.
_DOUBTFUL = 2**14 - 1

_BITS_PER_SAMPLE, _PHOTOMETRIC, _MAX_SAMPLE_VALUE = 258, 262, 281


def is_deep(image: Image.Image) -> bool:
    """Whether a picture that was opened, and not yet loaded, has more than 8 bits a sample."""
    return image.mode.startswith(("I", "F")) or any(";16" in raw for raw in raw_modes(image))


def eight_bits(image: Image.Image, content: bytes, white: int | None) -> Image.Image:
    """The picture with 8 bits a sample: round(255 · value / white).

    What white is:
      - what the file says: TIFF's BitsPerSample and MaxSampleValue, PNG's sBIT, PPM's maxval;
      - else `white`, if it is given;
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
    if image.mode == "F":
        raise ValueError("its samples are real numbers, of which it does not say what is white.")
    if image.mode.startswith("I"):
        values = np.asarray(image)[..., np.newaxis].astype(np.int64)  # [h, w, 1]
        if image.mode == "I" and image.format == "TIFF" and said is None and white is None:
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
        alpha = FULL * (values != np.array(key)).any(axis=-1)
        mode = {"L": "LA", "RGB": "RGBA"}[mode]
    white = said or _white_of_png(values, content) or white or _white_of_values(values)
    if not 0 <= values.min() <= values.max() <= white:
        raise ValueError(
            f"its samples go from {values.min()} to {values.max()}, but white is {white}."
        )
    if inverted and mode == "L":
        values = white - values
    channels = [_scaled(values[..., i], white) for i in range(values.shape[-1])]
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
        pairs = np.asarray(_reopened(content, {"LA;16B": "RGBA"})).astype(np.int64)
        return pairs[..., 0::2] * 256 + pairs[..., 1::2], "LA"
    high = np.asarray(image).astype(np.int64)
    native = "B" if struct.pack("=H", 1)[0] else "L"
    other = {"B": "L", "L": "B", "N": native}
    swapped = {raw: raw[:-1] + other[raw[-1]] for raw in layouts if raw[-3:-1] == "16"}
    try:
        low = np.asarray(_reopened(content, swapped)).astype(np.int64)
    except (ValueError, OSError):  # Pillow does not know these the other way round.
        low = high
    return high * 256 + low, image.mode


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
    top = values >> spare
    shifted = top << spare
    filled = shifted | (top >> max(0, bits - spare))
    return bool(((values == shifted) | (values == filled)).all())


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


def _scaled(values: np.ndarray, white: int) -> np.ndarray:
    return ((values * 510 + white) // (2 * white)).astype(np.uint8)
