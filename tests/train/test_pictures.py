"""Pictures and animations: what is written is what was given."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from train import pictures


def _frames(channels):
    rng = np.random.default_rng(0)
    # Few colours, so that a GIF's palette holds them all.
    return [(rng.integers(0, 4, [6, 5, channels]) * 85).astype(np.uint8) for _ in range(4)]


@pytest.mark.parametrize("channels, mode", [(1, "L"), (3, "RGB")])
def test_a_gif_goes_there_and_back_for_ever(tmp_path, channels, mode):
    frames = _frames(channels)
    pictures.write_gif(tmp_path / "a.gif", frames, milliseconds=50)
    with Image.open(tmp_path / "a.gif") as animation:
        assert animation.n_frames == 6
        assert (animation.info["duration"], animation.info["loop"]) == (50, 0)
        for number, expected in enumerate([*frames, frames[2], frames[1]]):
            animation.seek(number)
            shown = np.asarray(animation.convert(mode)).reshape(6, 5, channels)
            np.testing.assert_array_equal(shown, expected)


def test_a_png_is_exact(tmp_path):
    [frame, *_] = _frames(3)
    pictures.write_png(tmp_path / "a.png", frame)
    np.testing.assert_array_equal(tf.io.decode_png((tmp_path / "a.png").read_bytes()), frame)


@pytest.mark.parametrize(("channels", "shown"), [(1, 1), (2, 1), (3, 3), (5, 3)])
def test_any_number_of_channels_can_be_seen(channels, shown):
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 4, channels), np.uint8)
    np.testing.assert_array_equal(pictures.grey_or_rgb(images), images[..., :shown])
