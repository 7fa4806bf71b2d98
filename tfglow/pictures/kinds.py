"""Which kinds of picture files are read."""

import collections
import os
from collections.abc import Iterable

# Pillow's names. A file is read by its content, whatever it is called. Kinds that Pillow reads with
# other programs' help (EPS), or not in every build (AVIF, HEIF), are not among them.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")

# How the files that are looked for in folders end, in any case of letters.
EXTENSIONS = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".webp",
    ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm",
)  # fmt: skip

# How files of other kinds begin: (offset, bytes, what it is).
_FOREIGN = (
    (0, b"version https://git-lfs", "a pointer of Git LFS, whose file was not fetched"),
    (0, b"<!doctype html", "an HTML page"),
    (0, b"<html", "an HTML page"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"<?xml", "an XML file"),
    (0, b"%pdf", "a PDF file"),
    (0, b"8bps", "a Photoshop file"),
    (0, b"pk\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\xff\x0a", "a JPEG XL file"),
    (4, b"jxl ", "a JPEG XL file"),
    (4, b"jp  ", "a JPEG 2000 file"),
    (8, b"avif", "an AVIF file"),
    (8, b"heic", "a HEIC file"),
    (8, b"heix", "a HEIC file"),
    (8, b"mif1", "a HEIF file"),
    (4, b"ftyp", "a film"),
    (0, b"\x00\x00\x01\x00", "an icon"),
    (0, b"\x93numpy", "a NumPy array"),
    (0, b"\xffo\xffq", "a JPEG 2000 file"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR file"),
    (0, b"#?radiance", "a Radiance picture"),
    (0, b"dds ", "a DirectDraw surface"),
    (0, b"%!ps", "a PostScript file"),
    (0, b"qoif", "a QOI file"),
    (128, b"dicm", "a DICOM file"),
)
# How files of the kinds that are read begin: one that does and cannot be opened is damaged, or of a
# variety that Pillow does not know.
_READ = (
    (0, b"\x89png\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"gif8", "GIF"),
    (0, b"bm", "BMP"),
    (8, b"webp", "WebP"),
    (0, b"ii*\x00", "TIFF"),
    (0, b"mm\x00*", "TIFF"),
    (0, b"ii+\x00", "TIFF"),
    (0, b"mm\x00+", "TIFF"),
)


def is_picture_name(name: str) -> bool:
    """Whether a file of this name is one to read."""
    return name.lower().endswith(EXTENSIONS)


def foreign_kind(content: bytes) -> str:
    """What a file is that is no picture, in words."""
    if not content:
        return "it is empty."
    start = content[:256].lower()
    for offset, mark, kind in _READ:
        if start[offset:].startswith(mark):
            return f"it is a {kind} file that is damaged, or of a variety that is not read."
    start = start.lstrip() if content[:64].isascii() else start
    for offset, mark, kind in _FOREIGN:
        if start[offset:].startswith(mark):
            return f"it is {kind}."
    if not content.strip(b"\x00"):
        return "it holds only zeros."
    return "its content is not that of a PNG, JPEG, GIF, BMP, WebP, TIFF or PPM file."


def unread_files(names: Iterable[str]) -> str | None:
    """A sentence that counts the files of other kinds; None if there are none."""
    counts = collections.Counter(
        os.path.splitext(name)[1].lower() or "without an extension"
        for name in names
        if not is_picture_name(name)
    )
    if not counts:
        return None
    total = sum(counts.values())
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:8]
    kinds = ", ".join(f"{count} {kind}" for kind, count in most)
    rest = f" and {total - sum(count for _, count in most)} others" if len(counts) > 8 else ""
    files = "1 file is not read" if total == 1 else f"{total} files are not read"
    return f"{files}, being of other kinds: {kinds}{rest}."
