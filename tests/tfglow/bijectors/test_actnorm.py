import numpy as np
import pytest
import tensorflow as tf

from tfglow.bijectors import ActNorm


@pytest.fixture(name="x")
def _x():
    rng = np.random.default_rng(0)
    return rng.normal(size=[5, 3, 2, 4]) * [0.1, 1.0, 10.0, 100.0] + [5.0, -5.0, 0.0, 50.0]


def test_starts_as_the_identity(x):
    actnorm = ActNorm(4, dtype=tf.float64)
    y, log_det = actnorm.forward_and_log_det(x)
    np.testing.assert_array_equal(y, x)
    assert log_det == 0.0


def test_formula(x):
    actnorm = ActNorm(4, dtype=tf.float64)
    b, logs = np.array([1.0, -2.0, 0.5, 0.0]), np.array([0.1, -0.2, 0.3, 0.0])
    actnorm.b.assign(b)
    actnorm.logs.assign(logs)
    y, log_det = actnorm.forward_and_log_det(x)
    np.testing.assert_allclose(y, (x + b) * np.exp(3 * logs), rtol=1e-14)
    np.testing.assert_allclose(log_det, 3 * 2 * np.sum(3 * logs), rtol=1e-14)


@pytest.mark.parametrize("batch_shape", [(5,), (), (1, 5)])
def test_initialize_gives_mean_0_and_variance_1(x, batch_shape):
    x = (x if batch_shape else x[0]).reshape(*batch_shape, 3, 2, 4)
    actnorm = ActNorm(4, dtype=tf.float64)
    y = actnorm.initialize(x).numpy().reshape(-1, 4)
    np.testing.assert_allclose(y.mean(0), 0.0, atol=1e-12)
    np.testing.assert_allclose(y.var(0), 1.0, rtol=1e-4)
    np.testing.assert_allclose(actnorm.b, -x.reshape(-1, 4).mean(0), rtol=1e-12)


def test_initial_scale_is_the_official_one():
    # 1 / (sqrt(mean(x²)) + 1e-6): a channel that is constant gets a finite scale.
    x = np.stack([np.full([2, 2, 2], 7.0), np.arange(8.0).reshape(2, 2, 2)], axis=-1)
    actnorm = ActNorm(2, dtype=tf.float64)
    actnorm.initialize(x)
    expected = 1.0 / (np.array([0.0, np.arange(8.0).std()]) + 1e-6)
    np.testing.assert_allclose(np.exp(3 * actnorm.logs.numpy()), expected, rtol=1e-9)


def test_initialize_refuses_other_channels():
    with pytest.raises(ValueError, match="num_channels = 4, got an input with 3"):
        ActNorm(4).initialize(np.zeros([2, 2, 2, 3]))
