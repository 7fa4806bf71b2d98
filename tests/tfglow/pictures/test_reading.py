import io
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from tests.tfglow.pictures.valid_files import chunk, picture, png, saved, valid_files
from tfglow.pictures.reading import decode_picture, is_animation, picture_shape, read_picture
from tfglow.pictures.unreadable_picture import UnreadablePicture

RGB = np.asarray(picture())
LUMA = np.rint(RGB @ np.array([0.299, 0.587, 0.114]))[..., np.newaxis]
ALPHA = np.asarray(picture("RGBA"))[..., 3:].astype(int)
ON_WHITE = np.rint((ALPHA * RGB + (255 - ALPHA) * 255) / 255)
# 16-bit values, and what they are of 255.
DEEP = np.array([[0, 255, 256, 40000], [65535, 32768, 128, 129]], np.uint16)
SCALED = np.array([[0, 1, 1, 156], [255, 128, 0, 1]])
TWELVE = np.array([[0, 15, 2047], [4095, 8, 9]], np.uint16)
TWELVE_SCALED = np.array([[0, 1, 127], [255, 0, 1]])


def reason(content, **how):
    with pytest.raises(UnreadablePicture) as caught:
        decode_picture(content, "a.png", **how)
    sentence = str(caught.value)
    assert sentence.startswith("Cannot read the image file 'a.png': ")
    assert sentence.endswith(".") and "\n" not in sentence
    return caught.value.reason


# Kinds and modes.


@pytest.mark.parametrize(
    ("kind", "mode", "options", "expected", "tolerance"),
    [
        ("PNG", "L", {}, LUMA, 1),
        ("PNG", "LA", {}, None, 0),
        ("PNG", "RGB", {}, RGB, 0),
        ("PNG", "RGBA", {}, ON_WHITE, 0),
        ("BMP", "RGB", {}, RGB, 0),
        ("BMP", "L", {}, LUMA, 1),
        ("GIF", "L", {}, LUMA.repeat(3, -1), 1),
        ("GIF", "RGB", {}, RGB, 0),
        ("JPEG", "L", {"quality": 98}, LUMA, 3),
        ("JPEG", "RGB", {"quality": 98, "subsampling": 0}, RGB, 6),
        ("JPEG", "CMYK", {"quality": 98}, RGB, 8),
        ("WEBP", "RGB", {"lossless": True}, RGB, 0),
        ("WEBP", "RGBA", {"lossless": True}, ON_WHITE, 0),
        ("PPM", "RGB", {}, RGB, 0),
        ("PPM", "L", {}, LUMA, 1),
        ("TIFF", "L", {}, LUMA, 1),
        ("TIFF", "RGB", {}, RGB, 0),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}, RGB, 0),
        ("TIFF", "RGBA", {}, ON_WHITE, 0),
        ("TIFF", "CMYK", {}, RGB, 0),
        ("TIFF", "YCbCr", {}, RGB, 3),
        ("TIFF", "LAB", {}, RGB, 15),  # As 8 bits of CIELAB hold them.
    ],
)
def test_every_kind_and_mode_is_its_colours(kind, mode, options, expected, tolerance):
    read = decode_picture(saved(picture(mode), kind, **options), "a")
    if expected is None:  # Grey with alpha.
        expected = np.rint((ALPHA * LUMA + (255 - ALPHA) * 255) / 255)
        tolerance = 1
    assert read.dtype == np.uint8 and read.shape == expected.shape
    assert np.abs(read - expected.astype(int)).max() <= tolerance


def test_every_valid_file_is_read_or_is_of_a_kind_that_is_refused(tmp_path):
    refused = {}
    for name, content in valid_files().items():
        path = tmp_path / "a"
        path.write_bytes(content)
        shape = picture_shape(path)
        try:
            read = read_picture(path)
        except UnreadablePicture as error:
            refused[name] = error.reason
        else:
            assert read.shape == shape, name
            for channels in (1, 3):
                assert read_picture(path, channels).shape == (*shape[:2], channels)
    assert set(refused) == {
        f"TIFF {kind} {way}" for kind in ("int32", "float32") for way in ("raw", "tiff_lzw")
    }
    assert "integers of 32 bits" in refused["TIFF int32 raw"]
    assert "real numbers" in refused["TIFF float32 raw"]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "GIF", "BMP", "PPM"])
def test_one_bit_is_black_and_white(kind):
    bits = np.random.default_rng(0).random((5, 9)) < 0.5
    read = decode_picture(saved(Image.fromarray(bits), kind), "a", 1)
    np.testing.assert_array_equal(read[..., 0], 255 * bits)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP"])
def test_a_palette_is_looked_up(kind):
    image = picture().quantize(7)
    read = decode_picture(saved(image, kind), "a")
    np.testing.assert_array_equal(read, np.asarray(image.convert("RGB")))


def test_grey_and_colour_become_each_other():
    np.testing.assert_array_equal(decode_picture(saved(picture(), "PNG"), "a", 1), LUMA)
    grey = np.asarray(picture("L"))
    read = decode_picture(saved(picture("L"), "PNG"), "a", 3)
    np.testing.assert_array_equal(read, np.stack([grey] * 3, -1))


def test_alpha_is_there_when_it_is_asked_for():
    content = saved(picture("RGBA"), "PNG")
    np.testing.assert_array_equal(decode_picture(content, "a", 4), np.asarray(picture("RGBA")))
    assert decode_picture(saved(picture("LA"), "PNG"), "a", 2).shape == (12, 16, 2)
    for mode, channels in (("RGB", 4), ("RGB", 2), ("L", 2), ("L", 4)):
        assert "cannot become one of" in reason(saved(picture(mode), "PNG"), channels=channels)


@pytest.mark.parametrize(
    ("mode", "transparency", "there"),
    [("L", 90, 90), ("RGB", (90, 90, 90), 90), ("P", 0, None), ("P", b"\0\xff", None)],
)
def test_transparent_colours_are_white(mode, transparency, there):
    if mode == "P":
        image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
        image.putpalette([10, 20, 30, 40, 50, 60])
        expected = [[255] * 3, [40, 50, 60]]
    else:
        image = Image.fromarray(np.array([[there, 7]], np.uint8)).convert(mode)
        expected = [[255], [7]] if mode == "L" else [[255] * 3, [7] * 3]
    read = decode_picture(saved(image, "PNG", transparency=transparency), "a")
    np.testing.assert_array_equal(read[0], expected)
    grey = decode_picture(saved(image, "PNG", transparency=transparency), "a", 1)
    assert grey[0, 0, 0] == 255


# Orientation.


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright(kind, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a"
    path.write_bytes(saved(picture(), kind, exif=exif))
    with Image.open(path) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    assert expected.shape[:2] == ((12, 16) if orientation < 5 else (16, 12))
    np.testing.assert_array_equal(read_picture(path), expected)
    assert picture_shape(path) == expected.shape


def test_upright_means_that_the_top_is_on_top():
    """A dark band at the top of the scene, with the camera turned by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6  # The first row of the file is the right side of the scene.
    stored = np.full((4, 6, 3), 200, np.uint8)
    stored[:, 0] = 0  # The file's left is the scene's top.
    read = decode_picture(saved(Image.fromarray(stored), "PNG", exif=exif), "a")
    assert read.shape == (6, 4, 3) and (read[0] == 0).all() and (read[1:] == 200).all()


# Colour profiles.


def profile_of(gamma: float) -> bytes:
    """A grey profile of a gamma, ICC version 2."""

    def text(kind: bytes) -> bytes:
        return kind + b"\0\0\0\0" + (1).to_bytes(4, "big") + b"a\0" + b"\0" * 78

    curve = (
        b"curv\0\0\0\0" + (1).to_bytes(4, "big") + round(gamma * 256).to_bytes(2, "big") + b"\0\0"
    )
    d50 = b"XYZ \0\0\0\0" + bytes.fromhex("0000f6d6 00010000 0000d32d")
    tags = {b"desc": text(b"desc"), b"wtpt": d50, b"kTRC": curve}
    body, table, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + (offset + len(body)).to_bytes(4, "big") + len(data).to_bytes(4, "big")
        body += data + b"\0" * (-len(data) % 4)
    total = offset + len(body)
    header = total.to_bytes(4, "big") + b"\0" * 4 + bytes.fromhex("02100000") + b"mntrGRAYXYZ "
    header += b"\0" * 12 + b"acsp" + b"\0" * 28 + bytes.fromhex("0000f6d6 00010000 0000d32d")
    return header.ljust(128, b"\0") + len(tags).to_bytes(4, "big") + table + body


def test_a_grey_profile_is_followed():
    grey = Image.new("L", (4, 4), 128)
    read = decode_picture(saved(grey, "PNG", icc_profile=profile_of(1.0)), "a")
    # Half of the light is 188 in sRGB.
    assert read.shape == (4, 4, 1) and abs(int(read[0, 0, 0]) - 188) <= 1


@pytest.mark.parametrize("profile", [b"", b"nonsense", profile_of(1.0)])
def test_a_profile_that_is_damaged_or_for_another_space_is_passed_over(profile):
    read = decode_picture(saved(picture(), "PNG", icc_profile=profile), "a")
    np.testing.assert_array_equal(read, RGB)


def test_srgb_is_left_as_it_is_and_grey_stays_grey():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for mode in ("RGB", "L"):
        read = decode_picture(saved(picture(mode), "PNG", icc_profile=srgb), "a")
        np.testing.assert_array_equal(
            read[..., 0], np.asarray(picture(mode)).reshape(12, 16, -1)[..., 0]
        )


# More than 8 bits.


@pytest.mark.parametrize(
    "content",
    [
        saved(Image.fromarray(DEEP), "PNG"),
        saved(Image.fromarray(DEEP), "TIFF"),
        saved(Image.fromarray(DEEP.astype(">u2")), "TIFF"),
        saved(Image.fromarray(DEEP), "TIFF", compression="tiff_lzw"),
        saved(Image.fromarray(DEEP), "PPM"),
    ],
    ids=["png", "tiff", "tiff-big-endian", "tiff-lzw", "pgm"],
)
def test_sixteen_bits_are_scaled(content):
    np.testing.assert_array_equal(decode_picture(content, "a")[..., 0], SCALED)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bits_of_colour_are_scaled_not_cut(channels):
    samples = np.stack([DEEP, DEEP[::-1], DEEP[:, ::-1], DEEP], -1)[..., :channels]
    expected = np.stack([SCALED, SCALED[::-1], SCALED[:, ::-1], SCALED], -1)[..., :channels]
    np.testing.assert_array_equal(decode_picture(png(samples), "a", channels), expected)


def test_twelve_bits_in_sixteen_are_never_sixteen_greys():
    """The same pixels, where the file says what white is, where the user does, and where nobody."""
    grey = Image.fromarray(TWELVE)
    significant = chunk(b"sBIT", b"\x0c")
    filled = (TWELVE << 4) | (TWELVE >> 8)
    for content in (
        png(TWELVE[..., np.newaxis], significant),
        png(filled[..., np.newaxis], significant),
        saved(grey, "TIFF", tiffinfo={281: 4095}),
        b"P5 3 2 4095\n" + TWELVE.astype(">u2").tobytes(),
    ):
        for white in (None, 65535):  # What the file says is asked first.
            read = decode_picture(content, "a", white=white)
            np.testing.assert_array_equal(read[..., 0], TWELVE_SCALED)
    for content in (saved(grey, "PNG"), saved(grey, "TIFF"), png(np.stack([TWELVE] * 3, -1))):
        assert "none is more than 4095" in reason(content)
        assert "--white=VALUE" in reason(content)
        read = decode_picture(content, "a", 1, white=4095)
        np.testing.assert_array_equal(read[..., 0], TWELVE_SCALED)
        assert decode_picture(content, "a", 1, white=65535).max() == 16
    assert "but white is 1023" in reason(saved(grey, "PNG"), white=1023)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "colour"])
def test_white_is_for_files_in_doubt(kind):
    """Files of 16 bits beside scans of 12 keep 65535; what contradicts is refused."""

    def content(values):
        grey = np.array([[0, *values]], np.uint16)
        return (
            png(np.stack([grey] * 3, -1))
            if kind == "colour"
            else saved(Image.fromarray(grey), kind)
        )

    def read(values, white):
        return decode_picture(content(values), "a", 1, white)[0, 1:, 0].tolist()

    assert read([4095, 2047], white=4095) == [255, 127]
    assert read([65535, 257], white=4095) == [255, 1]
    assert read([16384, 0], white=4095) == [64, 0]
    assert read([16383, 0], white=16383) == [255, 0]
    assert read([20000, 10000], white=20000) == [255, 128]
    assert read([65535, 257], white=2**24) == [255, 1]
    assert "from 0 to 16383, but white is 4095" in reason(content([16383]), white=4095)
    assert "--white=VALUE" in reason(content([4095]), white=2**24)


@pytest.mark.parametrize("white", [0, -1, 2**32, "4095", 4095.0, True])
def test_what_cannot_be_white(white):
    with pytest.raises(ValueError, match="`white` must be an integer from 1 to 4294967295; got"):
        decode_picture(b"", "a", white=white)


def test_black_of_sixteen_bits_is_black():
    assert decode_picture(saved(Image.fromarray(0 * DEEP), "PNG"), "a").max() == 0


def test_white_is_zero_where_a_tiff_says_so():
    content = saved(Image.fromarray(DEEP), "TIFF", tiffinfo={262: 0})
    read = decode_picture(content, "a")[..., 0].astype(int)
    assert np.abs(read - (255 - SCALED)).max() <= 1


def test_a_transparent_colour_of_sixteen_bits():
    content = png(DEEP[..., np.newaxis], chunk(b"tRNS", (40000).to_bytes(2, "big")))
    expected = np.where(DEEP == 40000, 255, SCALED)
    np.testing.assert_array_equal(decode_picture(content, "a")[..., 0], expected)


def test_integers_of_32_bits_need_a_white():
    image = Image.fromarray(TWELVE.astype(np.int32))
    assert "--white=VALUE" in reason(saved(image, "TIFF"))
    read = decode_picture(saved(image, "TIFF"), "a", white=4095)
    np.testing.assert_array_equal(read[..., 0], TWELVE_SCALED)


def tiff(samples, tags):
    """An uncompressed TIFF of a strip, or of a strip a plane, with these numbers in its tags."""
    height, width = samples.shape[-2:]
    planes = [plane.tobytes() for plane in samples.reshape(-1, height, width)]
    sizes = [len(plane) for plane in planes]
    bits = 8 * samples.itemsize
    entries = {256: [width], 257: [height], 258: [bits] * len(planes), 259: [1], 273: sizes}
    entries |= {277: [len(planes)], 278: [height], 279: sizes, 284: [2], **tags}
    start = 8 + 2 + 12 * len(entries) + 4
    lists = sum(4 * len(numbers) for numbers in entries.values() if len(numbers) > 1)
    entries[273] = [start + lists + sum(sizes[:i]) for i in range(len(sizes))]
    head, body = len(entries).to_bytes(2, "little"), b""
    for tag, numbers in sorted(entries.items()):
        content = np.array(numbers, "<u4").tobytes()
        place = (start + len(body)).to_bytes(4, "little") if len(numbers) > 1 else content
        head += np.array([tag, 4], "<u2").tobytes() + len(numbers).to_bytes(4, "little") + place
        body += content if len(numbers) > 1 else b""
    return b"II*\0\x08\0\0\0" + head + bytes(4) + body + b"".join(planes)


def test_planes_of_sixteen_bits_are_not_read_as_eight():
    """Pillow takes the bytes of such samples for samples."""
    planes = np.ascontiguousarray(np.moveaxis(RGB, -1, 0))
    np.testing.assert_array_equal(decode_picture(tiff(planes, {262: [2]}), "a"), RGB)
    deep = planes.astype("<u2") * 257
    assert "in a plane a channel" in reason(tiff(deep, {262: [2]}))


def test_signed_and_wide_samples():
    signed = np.array([[-10, 100]], "i1")
    assert "are signed" in reason(tiff(signed, {262: [1], 339: [2]}))
    wide = np.array([[2**32 - 1, 2**31, 0]], "<u4")
    content = tiff(wide, {262: [1], 339: [1]})
    assert decode_picture(content, "a", white=2**32 - 1)[..., 0].tolist() == [[255, 128, 0]]


def test_five_and_six_bits_of_colour_are_eight_bits():
    """A BMP of 16 bits a pixel, not a sample."""
    header = np.array([40, 2, 1, 1 | 16 << 16, 3, 4, 0, 0, 0, 0, 0xF800, 0x7E0, 0x1F], "<u4")
    start = np.array([14 + header.nbytes + 4, 0, 14 + header.nbytes], "<u4")
    content = b"BM" + start.tobytes() + header.tobytes()
    read = decode_picture(content + np.array([0xF800, 0x07FF], "<u2").tobytes(), "a")
    assert read.tolist() == [[[255, 0, 0], [0, 255, 255]]]


def test_a_palette_that_is_missing():
    content = saved(picture("P"), "PNG")
    start = content.index(b"PLTE") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4], "big")
    assert "no palette" in reason(content[:start] + content[end:])


# Several frames, other kinds, damage.


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_frames_the_first_is_read(kind):
    frames = [Image.new("RGB", (16, 16), (level, level, level)) for level in (10, 200, 90)]
    lossless = {"lossless": True} if kind == "WEBP" else {}
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:], **lossless)
    assert is_animation(content) and not is_animation(saved(frames[0], kind, **lossless))
    np.testing.assert_array_equal(decode_picture(content, "a", 3), np.full((16, 16, 3), 10))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is empty."),
        (bytes(500), "it holds only zeros."),
        (b"\n<!DOCTYPE html><html></html>", "it is an HTML page."),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS, whose"),
        (b"\0\0\0\x1cftypheic\0\0\0\0", "it is a HEIC file."),
        (b"\x89PNG\r\n\x1a\nno more", "it is a PNG file that is damaged, or of a variety that"),
        (tiff(np.zeros((2, 2)), {262: [1], 339: [3]}), "it is a TIFF file that is damaged, or of"),
        (bytes(128) + b"DICM", "it is a DICOM file."),
        (b"\xff\x4f\xff\x51\0", "it is a JPEG 2000 file."),
        (b"no picture", "its content is not that of a PNG, JPEG, GIF, BMP, WebP, TIFF or PPM file"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(content, sentence):
    assert reason(content).startswith(sentence)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_a_file_that_is_cut_off_is_refused(kind):
    content = saved(picture(size=(64, 64)), kind)
    for end in (10, len(content) // 3, len(content) // 2):
        assert reason(content[:end])


def test_a_picture_that_would_fill_the_memory_is_refused():
    header = (60000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"\0" * 99)
    assert "pixels" in reason(bomb)


def test_places_that_are_no_files(tmp_path):
    for name in ("absent.png", "folder.png", "pipe.png"):
        path = tmp_path / name
        if name == "folder.png":
            path.mkdir()
        elif name == "pipe.png":
            os.mkfifo(path)
        with pytest.raises(UnreadablePicture, match=r"No such file|it is not a file"):
            read_picture(path)
        with pytest.raises(UnreadablePicture, match=r"No such file|it is not a file"):
            picture_shape(path)


def test_a_name_that_is_no_text(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.png"
    with open(path, "wb") as file:
        file.write(saved(picture(), "PNG"))
    np.testing.assert_array_equal(read_picture(path), RGB)
    with pytest.raises(UnreadablePicture) as caught:
        read_picture(path + b"x")
    str(caught.value).encode()


@pytest.mark.slow
def test_thousands_of_damaged_files_are_read_or_refused():
    """In a process of its own: a reader that writes where it must not takes its process along."""
    script = pathlib.Path(__file__).parent / "read_damaged.py"
    done = subprocess.run(
        [sys.executable, script, "6000", "0"], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parents[3])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    kinds, read, refused = map(int, done.stdout.split())
    assert kinds >= 100 and read + refused == 6000 and min(read, refused) > 1000


def test_a_sentence_survives_a_process_border():
    import pickle

    error = pickle.loads(pickle.dumps(UnreadablePicture("a", "it is empty.")))
    assert str(error) == "Cannot read the image file 'a': it is empty." and error.name == "a"


def test_reading_imports_no_tensorflow():
    code = "import sys, tfglow.pictures.preparation; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_what_is_read_may_be_written_to():
    read = decode_picture(io.BytesIO(saved(picture("L"), "PNG")).getvalue(), "a")
    assert read.flags.c_contiguous
