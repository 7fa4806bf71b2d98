import io

import numpy as np
import pytest
from PIL import Image

from tfglow.pictures import blocks as blocks_module
from tfglow.pictures.blocks import blocks, by_rows
from tfglow.pictures.colours import on_white, to_grey
from tfglow.pictures.reading import decode_picture
from tfglow.pictures.scaling import scale

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (9, 7, 3)).astype(np.uint8)
ALPHA = RNG.integers(0, 256, (9, 7, 1)).astype(np.uint8)
DEEP = RNG.integers(0, 2**16, (9, 7)).astype(np.uint16)


def deep_tiff():
    file = io.BytesIO()
    Image.fromarray(DEEP).save(file, "TIFF")
    return file.getvalue()


@pytest.mark.parametrize(
    "work",
    [
        lambda: on_white(PIXELS, ALPHA),
        lambda: to_grey(PIXELS),
        lambda: scale(PIXELS, (4, 3)),
        lambda: scale(PIXELS, (3, 6)),
        lambda: scale(PIXELS, (20, 3)),
        lambda: decode_picture(deep_tiff(), "a"),
    ],
    ids=["on_white", "to_grey", "down", "down columns last", "up and down", "deep"],
)
def test_parts_are_those_of_the_whole(work, monkeypatch):
    whole = work()
    for most in (1, 30, 100):
        monkeypatch.setattr(blocks_module, "_MOST", most)
        np.testing.assert_array_equal(work(), whole)


def test_parts_are_as_large_as_allowed(monkeypatch):
    monkeypatch.setattr(blocks_module, "_MOST", 10)
    assert [(part.start, part.stop) for part in blocks(7, 3)] == [(0, 3), (3, 6), (6, 7)]
    assert [(part.start, part.stop) for part in blocks(2, 100)] == [(0, 1), (1, 2)]
    sizes = []

    def doubled(rows, others):
        assert rows.shape == others.shape
        sizes.append(len(rows))
        return rows * 2

    values = np.arange(15.0).reshape(5, 3)
    np.testing.assert_array_equal(by_rows(doubled, values, values), values * 2)
    assert sizes == [3, 2]
    assert by_rows(doubled, values[:0], values[:0]).shape == (0, 3)
