"""Writes `fashion.npz` from the four files of Fashion-MNIST.

Run once, by hand, with the folder of the files, such as Debian's package `dataset-fashion-mnist`
installs them:

    python tfglow/datasets/fashion/make_fashion.py /usr/share/datasets/fashion-mnist

The first images of each class are taken, in the published order, which is random.
"""

import gzip
import pathlib
import sys

import numpy as np

from tfglow.whole_files import replacing

NUM_BITS = 5
# Images of each class that are taken, by the published names of the splits.
PER_CLASS = {"train": 400, "t10k": 50}


def read_idx(path: pathlib.Path) -> np.ndarray:
    """The array of a gzipped IDX file of bytes: 0, 0, 8, its rank, its sizes, its data."""
    content = gzip.decompress(path.read_bytes())
    zero, kind, rank = content[:2], content[2], content[3]
    if zero != b"\0\0" or kind != 8:
        raise ValueError(f"{str(path)!r} is no IDX file of bytes; it begins with {content[:4]!r}.")
    sizes = np.frombuffer(content, ">i4", rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(sizes)


def halved(images: np.ndarray) -> np.ndarray:
    """uint8 [N, 28, 28] to levels of [N, 16, 16].

    A frame of two black pixels makes them 32x32; a pixel is then the mean of 2x2, whose upper bits
    are its level.
    """
    framed = np.pad(images.astype(np.int32), ((0, 0), (2, 2), (2, 2)))
    sums = framed.reshape(-1, 16, 2, 16, 2).sum(axis=(2, 4))  # of four pixels
    return (sums >> (2 + 8 - NUM_BITS)).astype(np.uint8)


def chosen(labels: np.ndarray, per_class: int) -> np.ndarray:
    """The indices of the first images of each class, ascending."""
    return np.sort(
        np.concatenate([np.flatnonzero(labels == label)[:per_class] for label in range(10)])
    )


def arrays(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of the file: levels uint8 [N, 16, 16] and labels uint8 [N] of each split."""
    made = {}
    for published, split in (("train", "train"), ("t10k", "test")):
        images = read_idx(folder / f"{published}-images-idx3-ubyte.gz")
        labels = read_idx(folder / f"{published}-labels-idx1-ubyte.gz")
        indices = chosen(labels, PER_CLASS[published])
        made[f"{split}_level"] = halved(images[indices])
        made[f"{split}_label"] = labels[indices]
    return made


if __name__ == "__main__":
    with replacing(pathlib.Path(__file__).with_name("fashion.npz")) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays(pathlib.Path(sys.argv[1])))
