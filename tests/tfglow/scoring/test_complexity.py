import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfglow.scoring import png_bits_per_dim


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_is_the_size_of_a_file_that_holds_the_image(channels):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 6, channels), np.uint8)
    bits = png_bits_per_dim(images).numpy()
    assert bits.shape == (3,)
    # Noise is not compressed: 8 bits a value, a byte a row for its filter, and what is around it.
    rows = 8 * (8 + 57 + 30) / (8 * 6 * channels)
    assert np.all(bits > 8) and np.all(bits < 8 + rows)


def test_equals_the_file_that_tensorflow_writes_and_pillow_reads():
    image = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    file = tf.io.encode_png(image, compression=9).numpy()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(file))), image)
    np.testing.assert_allclose(png_bits_per_dim(image[None]), [8 * len(file) / image.size])


def test_what_the_model_does_not_see_does_not_count():
    images = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 1), np.uint8)
    np.testing.assert_array_equal(png_bits_per_dim(images, 3), png_bits_per_dim(images >> 5))
    np.testing.assert_array_equal(png_bits_per_dim(images | 31, 3), png_bits_per_dim(images, 3))


def test_simple_is_less_and_does_not_depend_on_the_others():
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (1, 16, 16, 3), np.uint8)
    plain = np.full_like(noise, 9)
    both = png_bits_per_dim(np.concatenate([noise, plain])).numpy()
    np.testing.assert_array_equal(both, [*png_bits_per_dim(noise), *png_bits_per_dim(plain)])
    assert both[1] < 1 < 8 < both[0]
    assert png_bits_per_dim(noise[:0]).shape == (0,)
