"""Arrays from `.npy` and `.npz` files of anybody's: what a file declares is read before its data.

A few kilobytes of an archive can hold gigabytes of zeros, and a header can declare more than there
is memory. Nothing here needs TensorFlow.
"""

import math
import os
import stat
import zipfile
from collections.abc import Collection
from typing import IO

import numpy as np

from tfglow.local_paths import path_text

# The bytes of one array, and those of a file, of which others may be left where they are.
MAX_BYTES = 2**28
_MAX_FILE_BYTES = 2**30
# Booleans, integers, real numbers and text; no objects, which are programs.
_KINDS = "biufU"
# What NumPy writes; other methods of packing may ask for any amount of memory to unpack.
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_arrays(path: str | os.PathLike, names: Collection[str]) -> np.ndarray | dict:
    """The array of a `.npy` file, or some arrays of a `.npz` file; the content says which it is.

    Args:
      path: The file.
      names: The arrays of a `.npz` file that are read, where it has them.

    Returns:
      The one array, or arrays by name.

    Raises:
      ValueError: If it is no such file, is damaged, holds anything else than numbers and text, or
        an array of more than `MAX_BYTES`.
    """
    name = path_text(path, "The file of arrays")
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):  # A pipe would be waited for.
            raise ValueError("it is not a file")
        if found.st_size > _MAX_FILE_BYTES:
            raise ValueError(f"it has {found.st_size} bytes, more than {_MAX_FILE_BYTES}")
        with open(path, "rb") as file:
            start = file.read(6)
            file.seek(0)
            if start == b"\x93NUMPY":
                return _array(file, found.st_size)
            if start[:2] == b"PK":
                return _members(file, names)
        raise ValueError("its content is that of neither" if start else "it is empty")
    except Exception as error:  # What readers of damaged files raise is anything.
        raise ValueError(f"cannot read {name} as .npz or .npy: {_reason(error)}") from error


def _members(file: IO[bytes], names: Collection[str]) -> dict[str, np.ndarray]:
    arrays = {}
    with zipfile.ZipFile(file) as archive:
        inside = {info.filename: info for info in archive.infolist()}
        for name in names:
            info = inside.get(f"{name}.npy")
            if info is None:
                continue
            if info.flag_bits & 1 or info.compress_type not in _PACKED:
                raise ValueError(f"`{name}` is encrypted, or packed as NumPy does not")
            with archive.open(info) as member:
                try:
                    arrays[name] = _array(member, info.file_size)
                except ValueError as error:
                    raise ValueError(f"`{name}`: {error}") from error
    return arrays


def _array(file: IO[bytes], size: int) -> np.ndarray:
    """The array of a `.npy` file of `size` bytes."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, by_columns, dtype = np.lib.format.read_array_header_2_0(file)
    else:  # Of structures whose fields' names are not Latin.
        raise ValueError(f"it is of version {version}, of NumPy's format only 1 and 2 are read")
    if dtype.kind not in _KINDS:
        raise ValueError(f"it holds {dtype}, neither numbers nor text")
    if min(shape, default=0) < 0:
        raise ValueError(f"it declares the shape {list(shape)}")
    wanted, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if wanted > MAX_BYTES:
        raise ValueError(
            f"it declares {dtype} {list(shape)}, {wanted} bytes, of which at most {MAX_BYTES} "
            "are read"
        )
    if wanted != there:
        raise ValueError(f"it declares {wanted} bytes of {dtype} {list(shape)}, and has {there}")
    data = bytearray(wanted)
    view, done = memoryview(data), 0
    while done < wanted:
        part = file.readinto(view[done:])  # type: ignore[attr-defined]
        if not part:
            raise ValueError(f"it ends after {done} of {wanted} bytes")
        done += part
    return np.ndarray(shape, dtype, data, order="F" if by_columns else "C")


def _reason(error: Exception) -> str:
    """What is wrong, in words that stand in one line."""
    if isinstance(error, MemoryError):
        return "it takes more memory than there is"
    text = str(getattr(error, "strerror", None) or error).split("\n")[0].strip().rstrip(".")
    if isinstance(error, ValueError | OSError | EOFError | zipfile.BadZipFile) and text:
        return text
    return f"it is damaged ({type(error).__name__}{': ' if text else ''}{text})"
