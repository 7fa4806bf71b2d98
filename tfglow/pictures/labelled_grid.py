"""A grid of images whose rows and columns have names."""

import unicodedata
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfglow.pictures.image_grid import GAP, grid_size, image_grid

_MARGIN = 4
_FONT_SIZE = 12
_LONGEST = 32  # Characters.


def labelled_grid(
    images: np.ndarray,
    columns: int | None = None,
    *,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    enlarge: int | None = None,
    valid: np.ndarray | None = None,
) -> np.ndarray:
    """`image_grid` with the names of its rows to the left, and those of its columns above.

    The grid itself is `image_grid`'s, pixel for pixel, at the picture's lower right. Names are
    black on white; those of columns are turned where one is wider than its column. The font has
    ASCII alone: of other letters the accents are left out, and ? stands for the rest.

    Args:
      images: uint8 `[N, H, W, C]`, C from 1 to 4.
      columns: The most images in a row, as for `image_grid`.
      row_labels: A name for each row; by default none.
      column_labels: A name for each column; by default none.
      enlarge: How often each pixel is repeated, as for `image_grid`.
      valid: bool `[N]`: which images there are, as for `image_grid`.

    Returns:
      uint8 `[height, width, C]`.

    Raises:
      ValueError: If there are not as many names as rows or columns, or `image_grid` refuses.

    Example:
      >>> from tfglow.pictures.labelled_grid import labelled_grid
      >>> grid = labelled_grid(images.numpy()[:4], 2, row_labels=["a", "b"], enlarge=8)
      >>> grid.ndim, grid.dtype
      (3, dtype('uint8'))
    """
    grid = image_grid(images, columns, enlarge, valid)
    num_rows, num_columns = grid_size(len(images), columns)
    for name, labels, count in (
        ("row_labels", row_labels, num_rows),
        ("column_labels", column_labels, num_columns),
    ):
        if labels and len(labels) != count:
            raise ValueError(f"`{name}` must be one for each of {count}, got {list(labels)}.")
    above = _column_strip([_text(label) for label in column_labels], grid.shape[1], num_columns)
    left = _row_strip([_text(label) for label in row_labels], grid.shape[0], num_rows)
    height, width, channels = grid.shape
    picture = np.full((above.shape[0] + height, left.shape[1] + width, channels), 255, np.uint8)
    colours = picture[..., :-1] if channels in (2, 4) else picture  # The rest is opaque.
    colours[: above.shape[0], left.shape[1] :] = above[..., None]
    colours[above.shape[0] :, : left.shape[1]] = left[..., None]
    picture[above.shape[0] :, left.shape[1] :] = grid
    return picture


def _row_strip(texts, height, count):
    """Names below each other, each in the middle of its row, `[height, w]`."""
    if not texts:
        return np.full((height, 0), 255, np.uint8)
    strip = np.full((height, max(text.shape[1] for text in texts) + 2 * _MARGIN), 255, np.uint8)
    cell = (height - GAP) // count
    for index, text in enumerate(texts):
        text = text[:cell]
        top = max(0, GAP + index * cell + (cell - GAP - text.shape[0]) // 2)
        # To the right, beside the images.
        left = strip.shape[1] - _MARGIN - text.shape[1]
        strip[top : top + text.shape[0], left : left + text.shape[1]] = text
    return strip


def _column_strip(texts, width, count):
    """Names beside each other, each in the middle of its column, `[h, width]`."""
    cell = (width - GAP) // count
    if any(text.shape[1] > cell - GAP for text in texts):
        texts = [np.rot90(text) for text in texts]  # To be read upwards.
    # The columns of a strip are the rows of its transpose, and its foot is their right.
    return _row_strip([text.T for text in texts], width, count).T


def _text(label):
    """A name, black on white, `[h, w]`; the same height for all."""
    font = ImageFont.load_default(_FONT_SIZE)
    label = _drawable(label)
    # As high as the highest and lowest letters ask, for all names alike.
    height = int(np.ceil(font.getbbox("Ag|")[3]))
    width = max(1, int(np.ceil(font.getlength(label))))
    image = Image.new("L", (width, height), 255)
    ImageDraw.Draw(image).text((0, 0), label, fill=0, font=font)
    return np.asarray(image)


def _drawable(label):
    """`label` in the font's letters, and not too long."""
    letters = [c for c in unicodedata.normalize("NFKD", label) if not unicodedata.combining(c)]
    plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in letters)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 2]}.."
