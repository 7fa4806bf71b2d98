"""Many images as one picture."""

import math

import numpy as np

# Pictures of small images are enlarged until an image has about so many pixels a side.
_READABLE_SIZE = 48
_GAP = 2
_BACKGROUND = 255


def image_grid(
    images: np.ndarray, columns: int | None = None, enlarge: int | None = None
) -> np.ndarray:
    """Lays images out in rows, with a white gap between them.

    Args:
      images: uint8 `[N, H, W, C]`, C from 1 to 4; the first row is filled first.
      columns: The most images in a row; by default as many as make the grid about square.
      enlarge: How often each pixel is repeated; by default often enough to see small images.

    Returns:
      uint8 `[height, width, C]`.

    Raises:
      ValueError: If there is no image, or the images are not as described.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in range(1, 5):
        raise ValueError(
            "A grid needs uint8 images [N, H, W, C] with C from 1 to 4, got "
            f"{images.dtype} {list(images.shape)}."
        )
    if not len(images):
        raise ValueError("A grid needs at least one image, got none.")
    columns = min(len(images), columns or math.ceil(math.sqrt(len(images))))
    enlarge = enlarge or max(1, round(_READABLE_SIZE / max(images.shape[1:3])))
    images = images.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    num, height, width, channels = images.shape
    rows = math.ceil(num / columns)
    cell_height, cell_width = height + _GAP, width + _GAP
    grid = np.full(
        (rows * cell_height + _GAP, columns * cell_width + _GAP, channels), _BACKGROUND, np.uint8
    )
    for index, image in enumerate(images):
        top = index // columns * cell_height + _GAP
        left = index % columns * cell_width + _GAP
        grid[top : top + height, left : left + width] = image
    return grid
