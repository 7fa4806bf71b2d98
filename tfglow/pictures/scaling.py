"""Scaling of pictures, exact to the last bit on every machine."""

import dataclasses
import functools
import math

import numpy as np

from tfglow.pictures.blocks import blocks

# How many sides' weights are kept; those of 4,000 pixels take 64 KiB.
_SIDES_KEPT = 128
# How many times as long a picture's columns take as its rows, about.
_COLUMNS_COST = 4


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
    sides = [_side(image.shape[i], size[i], kept[i].start, kept[i].stop) for i in (0, 1)]
    parts = math.prod(side.parts for side in sides if side is not None)
    # No sum is more than 255 · parts in the end; on the way there unsigned numbers may wrap around.
    kind = np.uint32 if 255 * parts < 2**32 else np.uint64
    sums = image
    # First the side that shrinks more, which leaves less to do; but columns take longer.
    ratios = size[0] / image.shape[0], _COLUMNS_COST * size[1] / image.shape[1]
    for axis in (0, 1) if ratios[0] <= ratios[1] else (1, 0):
        sums = _summed(sums, axis, sides[axis], kept[axis], kind)
    if parts == 1:
        return np.ascontiguousarray(sums)
    return np.rint(sums / parts).astype(np.uint8)


@dataclasses.dataclass(frozen=True)
class _Side:
    """New pixels along a side as weighted sums of the old ones.

    new = Σ_i weights[i] · old[places[i]] / parts
    """

    # int64 [T, S] each, for S new pixels that T old ones or fewer are under.
    places: np.ndarray
    weights: np.ndarray
    # What the weights of a new pixel sum up to.
    parts: int

    def add(self, rows: np.ndarray, total: np.ndarray) -> None:
        """Adds the weighted sums of rows `[N, n]` to `[S, n]`."""
        term = np.empty(total.shape, total.dtype)
        for places, weights in zip(self.places, self.weights, strict=True):
            factors = weights.astype(total.dtype)[:, np.newaxis]
            np.multiply(rows.take(places, 0), factors, out=term)
            total += term


@dataclasses.dataclass(frozen=True)
class _LongSide:
    """The same where more old pixels are under a new one than there are new ones."""

    # int64 [S + 1], in units of 1/new of an old pixel.
    edges: np.ndarray
    new: int
    parts: int

    def add(self, rows: np.ndarray, total: np.ndarray) -> None:
        """Adds the weighted sums of rows `[N, n]` to `[S, n]`."""
        kind = total.dtype.type
        for row, start, stop in zip(total, self.edges[:-1], self.edges[1:], strict=True):
            first, last = start // self.new, (stop - 1) // self.new
            row += rows[first : last + 1].sum(0, kind) * kind(self.new)
            # What of the first and last pixel lies outside.
            row -= rows[first] * kind(start - first * self.new)
            row -= rows[last] * kind((last + 1) * self.new - stop)


@functools.lru_cache(_SIDES_KEPT)
def _side(old: int, new: int, start: int, stop: int) -> _Side | _LongSide | None:
    """How the new pixels `start` to `stop` are made of the old ones; None: they are the same."""
    if new == old:
        return None
    if new > old:
        return _Side(*_neighbours(old, new, start, stop), 2 * new)
    edges = np.arange(start, stop + 1) * old
    if old > new * (stop - start):
        return _LongSide(edges, new, old)
    return _Side(*_overlaps(old, new, edges), old)


def _summed(
    image: np.ndarray,
    axis: int,
    side: _Side | _LongSide | None,
    kept: slice,
    kind: type[np.unsignedinteger],
) -> np.ndarray:
    """The weighted sums along an axis of integers `[h, w, c]`, as integers of a kind."""
    if side is None:
        return image[kept] if axis == 0 else image[:, kept]
    height, width, channels = image.shape
    count = kept.stop - kept.start
    if axis == 0:
        rows = image.reshape(height, width * channels)
        total = np.zeros((count, width * channels), kind)
        for part in blocks(width * channels, count):
            side.add(np.ascontiguousarray(rows[:, part]), total[:, part])
        return total.reshape(count, width, channels)
    total = np.empty((height, count, channels), kind)
    for part in blocks(height, max(width, count) * channels):
        # Rows are looked up whole; columns would be pixel by pixel.
        turned = np.ascontiguousarray(image[part].swapaxes(0, 1))
        total[part] = _summed(turned, 0, side, kept, kind).swapaxes(0, 1)
    return total


def _overlaps(old: int, new: int, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The old pixels under each of fewer new ones, and their weights: `new` for a whole one."""
    first = edges[:-1] // new
    last = (edges[1:] - 1) // new
    places = first + np.arange((last - first).max() + 1)[:, np.newaxis]
    overlaps = np.minimum(edges[1:], (places + 1) * new) - np.maximum(edges[:-1], places * new)
    # Those that lie beyond the last one under a new pixel overlap with nothing of it.
    return np.minimum(places, old - 1), np.maximum(overlaps, 0)


def _neighbours(old: int, new: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """The two old pixels on either side of each of more new ones' centres, and their weights."""
    # Centres of the new pixels, in units of 1/(2·new) of an old one, from the first old centre.
    centres = (2 * np.arange(start, stop) + 1) * old - new
    below, rest = np.divmod(np.clip(centres, 0, 2 * new * (old - 1)), 2 * new)
    return np.stack([below, np.minimum(below + 1, old - 1)]), np.stack([2 * new - rest, rest])
