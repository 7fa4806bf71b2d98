import math

import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.random_glow import random_glow
from tfglow.scoring import image_statistics, png_bits_per_dim, statistic_names

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", name="glow")
def _glow():
    config = tfglow.GlowConfig(image_shape=(8, 8, 1), levels=2, steps=1, width=4, num_bits=5)
    return random_glow(config)


@pytest.fixture(name="images")
def _images():
    return np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), np.uint8)


def test_are_what_they_are_called(glow, images):
    statistics, places = image_statistics(
        glow.log_prob_terms, images, num_bits=5, num_draws=3, seed=7
    )
    assert list(statistics) == statistic_names(2)
    bits = []
    for draw in range(3):
        noise = tf.random.stateless_uniform([1, 8, 8, 1], [7, draw])
        bits.append(glow.bits_per_dim(images, noise=tf.repeat(noise, 4, axis=0)))
    np.testing.assert_allclose(statistics["bits_per_dim"], np.mean(bits, axis=0), rtol=1e-5)
    error = np.std(bits, axis=0, ddof=1) / math.sqrt(3)
    np.testing.assert_allclose(statistics["bits_per_dim_error"], error, rtol=1e-2)
    levels = statistics["bits_level_0"] + statistics["bits_level_1"]
    np.testing.assert_allclose(levels, statistics["bits_per_dim"], rtol=1e-5)
    nats = -tf.reduce_sum(places, [1, 2]) / (64 * math.log(2))
    np.testing.assert_allclose(nats, statistics["bits_per_dim"], rtol=1e-5)
    np.testing.assert_array_equal(statistics["complexity_png"], png_bits_per_dim(images, 5))
    np.testing.assert_allclose(
        statistics["bits_minus_complexity"],
        statistics["bits_per_dim"] - statistics["complexity_png"],
        rtol=1e-6,
    )
    assert np.all(statistics["squared_norm_level_1"] > 0)


def test_one_draw_has_no_error_and_rows_do_not_depend_on_each_other(glow, images):
    run = tf.function(
        lambda x: image_statistics(glow.log_prob_terms, x, num_bits=5)[0], autograph=False
    )
    together, alone = run(images), run(images[2:3])
    assert np.all(np.isnan(together["bits_per_dim_error"]))
    for name in statistic_names(2):
        np.testing.assert_allclose(alone[name][0], together[name][2], rtol=1e-5)


def test_draws_are_a_positive_number():
    images = np.zeros([1, 4, 4, 1], np.uint8)
    with pytest.raises(ValueError, match="`num_draws` must be a positive integer, got 0"):
        image_statistics(lambda images, noise: None, images, num_draws=0)
