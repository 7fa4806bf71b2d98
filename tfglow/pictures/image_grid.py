"""Many images as one picture."""

import math

import numpy as np

# Pictures of small images are enlarged until an image has about so many pixels a side.
_READABLE_SIZE = 48
# Pixels between two images, and around all.
GAP = 2
_BACKGROUND = 255
# The grey of what has no image, and the white of its cross.
_MISSING, _CROSS = 128, 255


def image_grid(
    images: np.ndarray,
    columns: int | None = None,
    enlarge: int | None = None,
    valid: np.ndarray | None = None,
) -> np.ndarray:
    """Lays images out in rows, with a white gap between them.

    Args:
      images: uint8 `[N, H, W, C]`, C from 1 to 4; the first row is filled first.
      columns: The most images in a row; by default as many as make the grid about square.
      enlarge: How often each pixel is repeated; by default often enough to see small images.
      valid: bool `[N]`: in place of an image that is not, there is a white cross on grey. By
        default all are.

    Returns:
      uint8 `[height, width, C]`.

    Raises:
      ValueError: If there is no image, or the images, or `valid`, are not as described.

    Example:
      >>> from tfglow.pictures.image_grid import image_grid
      >>> image_grid(images.numpy()[:8], columns=4, enlarge=1).shape
      (22, 42, 1)
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in range(1, 5):
        raise ValueError(
            "A grid needs uint8 images [N, H, W, C] with C from 1 to 4, got "
            f"{images.dtype} {list(images.shape)}."
        )
    if not len(images):
        raise ValueError("A grid needs at least one image, got none.")
    enlarge = enlarge or max(1, round(_READABLE_SIZE / max(images.shape[1:3])))
    images = images.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    num, height, width, channels = images.shape
    if valid is not None:
        valid = np.asarray(valid)
        if valid.dtype != bool or valid.shape != (num,):
            raise ValueError(
                f"`valid` must be bool [{num}], got {valid.dtype} {list(valid.shape)}."
            )
        images[~valid] = _cross(height, width, channels)
    rows, columns = grid_size(num, columns)
    cell_height, cell_width = height + GAP, width + GAP
    grid = np.full(
        (rows * cell_height + GAP, columns * cell_width + GAP, channels), _BACKGROUND, np.uint8
    )
    for index, image in enumerate(images):
        top = index // columns * cell_height + GAP
        left = index % columns * cell_width + GAP
        grid[top : top + height, left : left + width] = image
    return grid


def grid_size(num: int, columns: int | None = None) -> tuple[int, int]:
    """Rows and columns of a grid of `num` images.

    Args:
      num: How many images, at least one.
      columns: The most images in a row; by default as many as make the grid about square.

    Example:
      >>> from tfglow.pictures.image_grid import grid_size
      >>> grid_size(10, columns=4)
      (3, 4)
    """
    columns = min(num, columns or math.ceil(math.sqrt(num)))
    return math.ceil(num / columns), columns


def _cross(height, width, channels):
    """Both diagonals, white on grey, `[height, width, channels]`."""
    y, x = np.mgrid[:height, :width]
    y, x = (2 * y + 1 - height) / height, (2 * x + 1 - width) / width  # From −1 to 1.
    # At least a pixel wide, and a sixteenth of the image.
    half = max(1 / 16, 1 / min(height, width))
    on_it = np.minimum(np.abs(x - y), np.abs(x + y)) <= half
    picture = np.where(on_it[..., None], _CROSS, _MISSING).astype(np.uint8)
    picture = np.repeat(picture, channels, axis=2)
    if channels in (2, 4):
        picture[..., -1] = 255  # Opaque.
    return picture
