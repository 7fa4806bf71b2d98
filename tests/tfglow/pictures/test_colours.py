import numpy as np
import pytest

from tfglow.pictures.colours import can_convert, convert_channels


def convert(pixels, channels):
    return convert_channels(np.array(pixels, np.uint8).reshape(1, 1, -1), channels)


@pytest.mark.parametrize(
    ("pixels", "channels", "expected"),
    [
        ([7], 1, [7]),
        ([7], 3, [7, 7, 7]),
        ([7, 255], 1, [7]),
        ([7, 0], 3, [255] * 3),
        ([7, 200], 3, [60] * 3),  # (200 x 7 + 55 x 255) / 255 = 60.49
        ([1, 2, 3], 3, [1, 2, 3]),
        ([255, 0, 0], 1, [76]),  # 0.299 x 255 = 76.2
        ([0, 255, 0], 1, [150]),  # 149.7
        ([0, 0, 255], 1, [29]),  # 29.1
        ([255, 255, 255], 1, [255]),
        ([1, 2, 3, 255], 3, [1, 2, 3]),
        ([1, 2, 3, 51], 3, [204, 204, 205]),
        ([0, 255, 0, 0], 1, [255]),
        ([0, 255, 0, 255], 1, [150]),
        ([1, 2, 3, 4], 4, [1, 2, 3, 4]),
        ([1, 2, 3, 4, 5], 5, [1, 2, 3, 4, 5]),
    ],
)
def test_conversions(pixels, channels, expected):
    assert can_convert(len(pixels), channels)
    image = convert(pixels, channels)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image[0, 0], expected)


@pytest.mark.parametrize(("source", "target"), [(3, 2), (3, 4), (1, 4), (5, 3), (13, 1), (2, 4)])
def test_other_conversions_are_refused(source, target):
    assert not can_convert(source, target)
    with pytest.raises(ValueError, match=f"of {source} channels cannot become one of {target}:"):
        convert([0] * source, target)
