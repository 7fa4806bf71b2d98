"""Scaling of pictures, exact to the last bit on every machine."""

import numpy as np

from tfglow.pictures.blocks import blocks


def scale(
    image: np.ndarray,
    size: tuple[int, int],
    rows: slice | None = None,
    columns: slice | None = None,
) -> np.ndarray:
    """A picture scaled, each side by its own factor.

    A side that shrinks takes the mean of the pixels under each new one, weighed by their overlap (a
    box filter, as low-resolution benchmark sets such as ImageNet 32x32 were made). A side that
    grows is interpolated linearly between the pixels' centres, and held beyond the outermost.
    The sums are of integers, and rounded once, halves to the even number.

    Args:
      image: uint8 `[h, w, c]`.
      size: H and W.
      rows: The rows of the result to compute, all by default: a slice with a start and a stop.
      columns: Its columns, likewise.

    Returns:
      uint8 `[H, W, c]`, or those rows and columns of it.
    """
    kept = [rows or slice(0, size[0]), columns or slice(0, size[1])]
    sums: np.ndarray = image
    parts = 1
    # First the side that shrinks more, which leaves less to do.
    for axis in sorted([0, 1], key=lambda axis: size[axis] / image.shape[axis]):
        if image.shape[axis] == size[axis]:
            sums = sums[kept[0]] if axis == 0 else sums[:, kept[1]]
        else:
            sums, own_parts = _scaled_side(sums, axis, size[axis], kept[axis])
            parts *= own_parts
    if parts == 1:
        return np.ascontiguousarray(sums)
    return np.rint(sums / parts).astype(np.uint8)


def _scaled_side(image: np.ndarray, axis: int, size: int, kept: slice) -> tuple[np.ndarray, int]:
    """A part of one side scaled: integers, and what to divide them by."""
    old = image.shape[axis]
    if size < old:
        return _means(image, axis, size, kept), old
    # Centres of the new pixels, in units of 1/(2·size) of an old one, from the first old centre.
    places = (2 * np.arange(kept.start, kept.stop) + 1) * old - size
    places = np.clip(places, 0, 2 * size * (old - 1))
    below, rest = np.divmod(places, 2 * size)
    above = np.minimum(below + 1, old - 1)
    rest = _along(rest, axis, image.ndim)
    sums = image.take(below, axis).astype(np.int64) * (2 * size - rest)
    sums += image.take(above, axis).astype(np.int64) * rest
    return sums, 2 * size


def _means(image: np.ndarray, axis: int, size: int, kept: slice) -> np.ndarray:
    """Sums of the old pixels under each of fewer new ones, a whole pixel counted `size` times."""
    old = image.shape[axis]
    edges = np.arange(kept.start, kept.stop + 1) * old  # In units of 1/size of an old pixel.
    first = edges[:-1] // size
    last = (edges[1:] - 1) // size  # Of the pixels that it covers, also in part.
    covered = slice(first[0], last[-1] + 1)
    image = image[covered] if axis == 0 else image[:, covered]
    # Sums from each first to its last; those in between, from a last to the next first, are left.
    pairs = np.stack([first, last + 1], axis=-1).ravel()[:-1] - first[0]
    sums = _sums(image, pairs, axis)
    sums = sums.take(np.arange(len(first)) * 2, axis).astype(np.int64) * size
    # What of the first and last pixel lies outside.
    before = _along(edges[:-1] - first * size, axis, image.ndim)
    after = _along((last + 1) * size - edges[1:], axis, image.ndim)
    sums -= image.take(first - covered.start, axis).astype(np.int64) * before
    sums -= image.take(last - covered.start, axis).astype(np.int64) * after
    return sums


def _sums(image: np.ndarray, starts: np.ndarray, axis: int) -> np.ndarray:
    """Sums along an axis from each start to the next; NumPy copies all that it widens."""
    wide = np.int64 if image.dtype == np.int64 else np.uint32
    other = 1 - axis
    length = image.shape[other]
    parts = [
        np.add.reduceat(image[part] if axis else image[:, part], starts, axis=axis, dtype=wide)
        for part in blocks(length, image.size // length)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=other)


def _along(values: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """`values` as a tensor of a rank, along one axis."""
    return values.reshape([-1 if i == axis else 1 for i in range(rank)])
