"""Small valid picture files of every format and mode that is read."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

SIZE = (12, 16)  # Height and width.
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB")
_SAVED = {
    "PNG": {"": {}},
    "JPEG": {"": {}, "progressive": {"progressive": True}},
    "GIF": {"": {}},
    "BMP": {"": {}},
    "WEBP": {"": {}, "lossless": {"lossless": True}},
    "TIFF": {
        name: {"compression": name}
        for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4")
    },
    "PPM": {"": {}},
}


def picture(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """Smooth colours in a mode."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    red = 40 + 12 * columns
    array = np.stack([red, 30 + 15 * rows, 250 - 10 * columns], -1).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(array)
    if mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    if mode in ("LA", "PA", "RGBA"):
        image.putalpha(Image.fromarray((red % 256).astype(np.uint8)))
    return image.convert(mode)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """The file of a picture."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    checked = kind + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


def png(samples: np.ndarray, extra: bytes = b"") -> bytes:
    """A PNG of 16-bit samples `[h, w, c]`, which Pillow does not write; `extra` are chunks."""
    height, width, channels = samples.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    data = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b"")


def valid_files() -> dict[str, bytes]:
    """Files by a name that says what they are."""
    files = {}
    for mode in _MODES:
        for kind, ways in _SAVED.items():
            for way, options in ways.items():
                try:
                    files[f"{kind} {mode} {way}"] = saved(picture(mode), kind, **options)
                except (OSError, ValueError, KeyError):
                    continue  # There are no such files.
    frames = [picture(), picture().rotate(90)]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        files[f"{kind} animated"] = saved(
            frames[0], kind, save_all=True, append_images=frames[1:], duration=10
        )
    files["MPO"] = saved(frames[0], "MPO", save_all=True, append_images=frames[1:])
    deep = np.asarray(picture()).astype(np.uint16) * 257
    for channels in (1, 2, 3, 4):
        files[f"PNG deep {channels}"] = png(np.concatenate([deep, deep], -1)[..., :channels])
    for array in (deep[..., 0], deep[..., 0].astype(np.int32), deep[..., 0].astype(np.float32)):
        for way in ("raw", "tiff_lzw"):
            name = f"TIFF {array.dtype} {way}"
            files[name] = saved(Image.fromarray(array), "TIFF", compression=way)
    files["PPM deep"] = saved(Image.fromarray(deep[..., 0]), "PPM")
    files["PPM text"] = b"P3 2 1 15\n1 2 3 15 0 7\n"
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        files[f"{kind} exif"] = saved(picture(), kind, exif=exif, icc_profile=profile)
    return files
