"""Pictures decoded in a graph against the library's own reader."""

import struct
import zlib
from random import Random

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from export.picture_bytes import decode_pictures
from tests.tfglow.pictures.read_damaged import damaged
from tests.tfglow.pictures.valid_files import SIZE, chunk, picture, saved, valid_files
from tfglow.pictures.reading import decode_picture
from tfglow.pictures.unreadable_picture import UnreadablePicture

# What this reader leaves out of what the library's reads.
LEFT_OUT = ("deep", "CMYK")


@pytest.fixture(scope="module")
def decoders():
    """By C: a graph that decodes pictures of 12 x 16 with C channels."""
    spec = [tf.TensorSpec([None], tf.string)]

    def decoder(channels):
        def decode(contents):
            return decode_pictures(contents, (*SIZE, channels))

        function = tf.function(decode, input_signature=spec, autograph=False)
        return lambda files: [part.numpy() for part in function(tf.constant(files, tf.string))]

    return {channels: decoder(channels) for channels in (1, 2, 3, 4)}


def by_library(content: bytes, channels: int) -> np.ndarray | None:
    """What the library reads; None if it refuses, or the picture has another shape."""
    try:
        pixels = decode_picture(content, "file", channels)
    except UnreadablePicture:
        return None
    return pixels if pixels.shape == (*SIZE, channels) else None


def palette_or_grey(bits: int, colour: int, transparent: bytes = b"") -> bytes:
    """A PNG of so many bits a sample; `colour` 0 is grey, 3 a palette."""
    height, width = SIZE
    values = np.arange(height * width).reshape(SIZE) * 7 % 2**bits
    samples = (values[..., np.newaxis] >> np.arange(bits)[::-1] & 1).reshape(height, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(samples, axis=1))
    data = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    if colour == 3:
        data += chunk(b"PLTE", bytes(37 * i % 256 for i in range(3 * 2**bits)))
    data += chunk(b"tRNS", transparent) if transparent else b""
    data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_png_and_jpeg_is_read_as_the_library_reads_it(decoders, channels):
    files = valid_files()
    files |= {"PNG noise": saved(Image.effect_noise(SIZE[::-1], 90).convert("RGB"), "PNG")}
    files |= {"JPEG noise": saved(Image.effect_noise(SIZE[::-1], 90).convert("RGB"), "JPEG")}
    readable, images = decoders[channels](list(files.values()))
    compared = 0
    for name, valid, image in zip(files, readable, images, strict=True):
        expected = by_library(files[name], channels)
        kind = name.split()[0]
        here = kind in ("PNG", "JPEG", "MPO") and not any(word in name for word in LEFT_OUT)
        if not here or expected is None:
            assert not valid and not image.any(), name
        else:
            assert valid, name
            np.testing.assert_array_equal(image, expected, err_msg=name)
            compared += 1
    # Of two and four channels there are only PNGs with alpha.
    assert compared > (10 if channels in (1, 3) else 0)


@pytest.mark.parametrize("channels", [1, 3])
def test_few_bits_palettes_and_transparent_colours(decoders, channels):
    files = [palette_or_grey(bits, colour) for bits in (1, 2, 4, 8) for colour in (0, 3)]
    files += [palette_or_grey(bits, 3, b"\x64\x00") for bits in (1, 2, 4, 8)]
    files += [palette_or_grey(8, 0, b"\0\1")]
    readable, images = decoders[channels](files)
    assert readable.all()
    np.testing.assert_array_equal(images, [by_library(file, channels) for file in files])


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", range(9))
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_only_upright_pictures_are_read(decoders, kind, orientation, byte_order):
    exif = Image.Exif()
    exif.endian = byte_order
    exif[0x0112] = orientation
    exif[0x010F] = "a camera"
    (valid,), _ = decoders[3]([saved(picture(), kind, exif=exif.tobytes())])
    assert valid == (orientation < 2)


def test_other_sizes_are_not_decoded(decoders):
    """A PNG of 20 KB that holds 400 MB, and a JPEG of a square too many."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    bomb += chunk(b"IDAT", zlib.compress(bytes(20_000_000))) + chunk(b"IEND", b"")
    sizes = [SIZE[::-1], (SIZE[0], 17), (11, SIZE[1]), (1, 1)]
    files = [saved(picture(size=size), kind) for kind in ("PNG", "JPEG") for size in sizes]
    readable, images = decoders[3]([bomb, *files])
    assert not readable.any() and not images.any()


def test_files_far_larger_than_their_pixels_are_not_decoded(decoders):
    """A JPEG that goes over its pixels 20,000 times costs more than any deadline allows."""
    file = saved(picture(), "JPEG", progressive=True)
    last = file[file.rindex(b"\xff\xda") :]
    scan = last[: 2 + int.from_bytes(last[2:4], "big")] + b"\0\0"
    bombs = [file[:-2] + count * scan + b"\xff\xd9" for count in (1, 20_000)]
    # A PNG unpacks also what is behind its pixels: 100 MB, half a second.
    pngs = [saved(picture(), "PNG") + bytes(size) for size in (0, 16 << 10, 32 << 10)]
    readable, _ = decoders[3]([*bombs, *pngs])
    assert readable.tolist() == [True, False, True, True, False]


@pytest.mark.parametrize("num", [0, 1, 5])
def test_any_number_of_rows_and_no_picture_at_all(decoders, num):
    readable, images = decoders[3](
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"x"][:num]
    )
    assert readable.shape == (num,) and images.shape == (num, *SIZE, 3)
    assert not readable.any() and not images.any()


def test_damaged_files_never_fail_a_batch_and_what_is_read_is_what_the_library_reads(decoders):
    draw = Random(0)
    kinds = ("PNG", "JPEG")
    contents = [file for name, file in valid_files().items() if name.split()[0] in kinds]
    counts = {"both": 0, "neither": 0, "one": 0}
    for _ in range(5):
        files = [damaged(contents[k % len(contents)], contents, draw) for k in range(100)]
        good = contents[0]
        readable, images = decoders[3]([good, *files])
        np.testing.assert_array_equal(images[0], by_library(good, 3))
        for file, valid, image in zip(files, readable[1:], images[1:], strict=True):
            expected = by_library(file, 3)
            if valid and expected is not None:
                np.testing.assert_array_equal(image, expected)
            assert valid or not image.any()
            counts[
                "one" if valid != (expected is not None) else "both" if valid else "neither"
            ] += 1
    assert counts["both"] > 20 and counts["neither"] > 200
    # Checksums of parts without pixels, and files whose damage one library passes over.
    assert counts["one"] < 50
