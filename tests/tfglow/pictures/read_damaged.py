"""Reads damaged files; a process of its own, since a reader that breaks may take it down.

    python read_damaged.py NUMBER SEED

Prints how many were read, and how many refused. Anything else than these two is a failure.
"""

import collections
import importlib.util
import pathlib
import random
import resource
import sys
import warnings

import numpy as np

from tfglow.pictures.reading import decode_picture
from tfglow.pictures.unreadable_picture import UnreadablePicture

# What a file of a few hundred bytes may take, beside the interpreter and its libraries.
_MEMORY = 3 * 2**30


def damaged(content: bytes, others: list[bytes], draw: random.Random) -> bytes:
    """The file with something wrong."""
    data = bytearray(content)
    way = draw.randrange(7)
    if way == 0:  # Cut off.
        return bytes(data[: draw.randrange(len(data))])
    if way == 1:  # Single bits.
        for _ in range(draw.randint(1, 8)):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif way == 2:  # The header, where sizes are.
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(min(64, len(data)))] = draw.choice((0, 1, 0x7F, 0x80, 0xFF))
    elif way == 3:  # A stretch of noise.
        start = draw.randrange(len(data))
        stretch = draw.randbytes(draw.randint(1, 40))
        data[start : start + len(stretch)] = stretch
    elif way == 4:  # A stretch lost.
        start = draw.randrange(len(data))
        del data[start : start + draw.randint(1, 40)]
    elif way == 5:  # Another file's end.
        other = draw.choice(others)
        data[draw.randrange(len(data)) :] = other[draw.randrange(len(other)) :]
    else:  # Noise behind a beginning.
        data[draw.randint(4, min(40, len(data))) :] = draw.randbytes(draw.randint(0, 200))
    return bytes(data)


def main(number: int, seed: int) -> None:
    here = pathlib.Path(__file__).parent
    spec = importlib.util.spec_from_file_location("valid_files", here / "valid_files.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    files = module.valid_files()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    warnings.simplefilter("ignore")
    draw = random.Random(seed)
    contents = list(files.values())
    counts = collections.Counter(dict.fromkeys(("read", "refused"), 0))
    for index in range(number):
        content = damaged(contents[index % len(contents)], contents, draw)
        try:
            picture = decode_picture(content, "file", draw.choice((None, 1, 3)))
        except UnreadablePicture as error:
            if "\n" in str(error):
                raise RuntimeError(f"not one line: {error}") from error
            counts["refused"] += 1
        else:
            if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[-1] not in (1, 3):
                raise RuntimeError(f"{picture.dtype} {picture.shape}")
            counts["read"] += 1
    print(len(files), *counts.values())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
