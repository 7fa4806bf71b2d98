"""Work on large pictures a part at a time, so that what is in between stays small."""

from collections.abc import Callable, Iterator

import numpy as np

# Values in a part: 8 MB for each number of 64 bits that is worked out for one.
_MOST = 2**20


def blocks(length: int, width: int) -> Iterator[slice]:
    """Slices of `length` rows of `width` values each, in their order."""
    step = max(1, _MOST // max(1, width))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def by_rows(function: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """`function(*arrays)`, some rows at a time.

    Args:
      function: Gives each row by itself what it gives it among others.
      *arrays: Arrays with the same number of rows.
    """
    length = len(arrays[0])
    width = max(array.size for array in arrays) // max(1, length)
    if length * width <= _MOST:
        return function(*arrays)
    result: np.ndarray | None = None
    for rows in blocks(length, width):
        part = function(*(array[rows] for array in arrays))
        if result is None:
            result = np.empty((length, *part.shape[1:]), part.dtype)
        result[rows] = part
    if result is None:
        raise ValueError("there are no rows")
    return result
