import numpy as np
import tensorflow as tf

from tfglow.networks.scale import data_dependent_shift_and_log_scale


def test_statistics_are_the_official_ones():
    x = np.random.default_rng(0).normal(size=[7, 2, 3, 4]) * [1.0, 10.0, 1e-7, 0.0] + 3.0
    b, logs = data_dependent_shift_and_log_scale(tf.constant(x))
    np.testing.assert_allclose(b, -x.mean((0, 1, 2)), rtol=1e-12)
    rms = np.sqrt(np.mean((x - x.mean((0, 1, 2))) ** 2, (0, 1, 2)))
    np.testing.assert_allclose(np.exp(3 * logs), 1.0 / (rms + 1e-6), rtol=1e-6)
