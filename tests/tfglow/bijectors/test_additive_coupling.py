import numpy as np
import pytest
import tensorflow as tf

from tfglow.bijectors import AdditiveCoupling


@pytest.fixture(name="x")
def _x():
    return np.random.default_rng(0).normal(size=[2, 3, 2, 4])


def test_formula(x):
    coupling = AdditiveCoupling(lambda x1: tf.sin(x1[..., ::-1]), dtype=tf.float64)
    y, log_det = coupling.forward_and_log_det(x)
    np.testing.assert_array_equal(y[..., :2], x[..., :2])
    np.testing.assert_allclose(y[..., 2:], x[..., 2:] + np.sin(x[..., 1::-1]), rtol=1e-12)
    assert log_det == 0.0
    back, log_det = coupling.inverse_and_log_det(y)
    np.testing.assert_allclose(back, x, atol=1e-14)
    assert log_det == 0.0


def test_number_of_the_networks_outputs(x):
    coupling = AdditiveCoupling(lambda x1: tf.concat([x1, x1], -1), dtype=tf.float64)
    with pytest.raises(ValueError, match="must return 2 channels for an input of 2, got 4"):
        coupling.forward(x)
