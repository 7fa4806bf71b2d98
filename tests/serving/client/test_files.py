import os
import resource
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.client.files import (
    check_channels,
    check_picture_path,
    read_images,
    read_latents,
    save_latents,
    save_picture,
)

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 2, 3, 3), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_is_saved_is_read(tmp_path, channels):
    image = np.random.default_rng(0).integers(0, 256, (4, 6, channels), dtype=np.uint8)
    save_picture(image, tmp_path / "image.png")
    read = read_images([tmp_path / "image.png"], (4, 6, channels), resize=False)
    np.testing.assert_array_equal(read[0], image)
    assert [path.name for path in tmp_path.iterdir()] == ["image.png"]


def test_another_size_is_refused_or_fitted(tmp_path):
    path = tmp_path / "image.png"
    Image.new("RGB", (40, 20), "red").save(path)
    with pytest.raises(ValueError, match=r"is 40x20, the model's images are 6x4; `--resize`"):
        read_images([path], (4, 6, 3), resize=False)
    fitted = read_images([path], (4, 6, 3), resize=True)
    assert fitted.shape == (1, 4, 6, 3) and (fitted == [255, 0, 0]).all()
    assert read_images([path], (4, 6, 1), resize=True).shape == (1, 4, 6, 1)


def huge_png(width, height, bits=8):
    """A PNG of black pixels in a few hundred kilobytes at most."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + check

    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * width * bits // 8)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    return start + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("size", "resize", "message"),
    [
        ((13000, 13000), False, "it has 13000 x 13000 pixels, a picture at most 89 million"),
        ((13000, 13000), True, "it has 13000 x 13000 pixels, a picture at most 89 million"),
        ((60000, 60000), True, "cannot read .* as an image: .*3600000000 pixels"),
        ((9000, 9000), False, "is 9000x9000, the model's images are 3x2; `--resize` fits it"),
    ],
)
def test_the_size_of_a_picture_is_looked_at_before_its_pixels(tmp_path, size, resize, message):
    path = tmp_path / "large.png"
    # Its rows are not even there: only its header is.
    path.write_bytes(huge_png(size[0], 1).replace(*(
        struct.pack(">II", size[0], height) for height in (1, size[1])
    )))  # fmt: skip
    head = bytearray(path.read_bytes())
    head[29:33] = zlib.crc32(bytes(head[12:29])).to_bytes(4, "big")
    path.write_bytes(head)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=message):
        read_images([path], (2, 3, 3), resize=resize)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**14  # KiB


def test_a_picture_that_a_note_turns_is_read_before_it_is_refused(tmp_path):
    """A PNG may note its orientation after its pixels, which its header does not tell."""
    path = tmp_path / "a.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (2, 3), "red").save(path, exif=exif)
    content = path.read_bytes()
    start = content.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4], "big")
    note = content[start:end]
    path.write_bytes(content[:start] + content[end:-12] + note + content[-12:])
    assert read_images([path], (2, 3, 3), resize=False).shape == (1, 2, 3, 3)
    with pytest.raises(ValueError, match="is 3x2, the model's images are 2x3"):
        read_images([path], (3, 2, 3), resize=False)


def test_colours_are_converted(tmp_path):
    path = tmp_path / "grey.png"
    Image.new("L", (2, 2), 7).save(path)
    assert (read_images([path], (2, 2, 3), resize=False) == 7).all()


@pytest.mark.parametrize(
    "content, reason",
    [
        (None, "No such file"),
        (b"", "it is empty"),
        (b"no image", "its content is not that of a PNG"),
        (b"\x89PNG\r\n\x1a\n broken", "it is a PNG file that is damaged"),
        (b"\xff\xd8\xff\xe0 broken", "Truncated File Read"),
        (b"<svg/>", "it is an SVG drawing"),
        (b"\x93NUMPY", "it is a NumPy array"),
        (b"PK\x03\x04", "it is a ZIP archive"),
        (b"\x00\x00\x00\x20ftypheic", "it is a HEIC file"),
        (huge_png(20, 20)[:-30], "truncated"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path, content, reason):
    path = tmp_path / "image.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read .*image\.png as an image") as caught:
        read_images([path], (20, 20, 3), resize=False)
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_two_channels_are_no_problem_five_are(tmp_path):
    save_picture(IMAGES[0, ..., :2], tmp_path / "image.png")
    check_channels(2)
    message = "1 to 4 channels, the model's images have 5"
    with pytest.raises(ValueError, match=message):
        read_images([tmp_path / "image.png"], (2, 3, 5), resize=False)
    with pytest.raises(ValueError, match=message):
        check_channels(5)


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="image format"):
        check_picture_path(tmp_path / "grid.txt")
    with pytest.raises(ValueError, match="does not exist"):
        check_picture_path(tmp_path / "no" / "grid.png")
    (tmp_path / "grid.png").mkdir()
    with pytest.raises(ValueError, match=r"Cannot write .*grid\.png': Is a directory\."):
        save_picture(IMAGES[0], tmp_path / "grid.png")
    os.mkfifo(tmp_path / "pipe.png")
    for name in ("grid.png", "pipe.png"):
        with pytest.raises(ValueError, match=rf"{name}: it is there, and is not a file"):
            check_picture_path(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grid.png", "pipe.png"]


def test_latents_are_read_back(tmp_path):
    latent, label = np.ones((2, 3), np.float32), np.array([1, 2], np.int32)
    save_latents(tmp_path / "a.npz", latent=latent, label=label)
    read = read_latents(tmp_path / "a.npz")
    np.testing.assert_array_equal(read[0], latent)
    np.testing.assert_array_equal(read[1], label)
    np.save(tmp_path / "b.npy", latent)
    assert read_latents(tmp_path / "b.npy")[1] is None


@pytest.mark.parametrize("content", [None, b"", b"text", b"PK\x03\x04 broken"])
def test_what_is_no_latent_file_is_refused(tmp_path, content):
    path = tmp_path / "a.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot read"):
        read_latents(path)


def test_places_that_cannot_be_read(tmp_path):
    """URLs are no folders called "gs:", and a pipe is not waited for."""
    for url in ("gs://bucket/a.npz", "file:///a.png", "S3:/b/c.png"):
        with pytest.raises(ValueError, match="must be a local path, got the URL"):
            read_images([Path(url)], (2, 2, 3), resize=True)
        with pytest.raises(ValueError, match="must be a local path, got the URL"):
            read_latents(Path(url))
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(ValueError, match="it is not a file"):
            read_latents(path)
        with pytest.raises(ValueError, match="it is not a file"):
            read_images([path], (2, 2, 3), resize=True)


def test_an_archive_without_latents(tmp_path):
    """What else is wrong with such files: `tests/tfglow/test_array_files.py`."""
    save_latents(tmp_path / "b.npz", other=np.zeros(1))
    with pytest.raises(ValueError, match="no array `latent`"):
        read_latents(tmp_path / "b.npz")
