import numpy as np

from tfglow.bijectors import ReverseChannels


def test_reverses_channels_alone():
    x = np.random.default_rng(0).normal(size=[2, 3, 2, 5]).astype(np.float32)
    reverse = ReverseChannels()
    y, log_det = reverse.forward_and_log_det(x)
    np.testing.assert_array_equal(y, x[..., ::-1])
    assert log_det == 0.0
    np.testing.assert_array_equal(reverse.forward(y), x)


def test_weight_is_the_map():
    x = np.random.default_rng(0).normal(size=[2, 1, 2, 5]).astype(np.float32)
    reverse = ReverseChannels()
    np.testing.assert_array_equal(x @ reverse.weight_from(5).numpy(), reverse.forward(x))
    np.testing.assert_array_equal(x @ reverse.inverse_weight_from(5).numpy(), reverse.inverse(x))
