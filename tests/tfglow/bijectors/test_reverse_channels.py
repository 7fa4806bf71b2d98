import numpy as np
import tensorflow as tf

from tfglow.bijectors import ReverseChannels
from tfglow.bijectors.shuffle_channels import ChannelOrder


def test_reverses_channels_alone():
    x = np.random.default_rng(0).normal(size=[2, 3, 2, 5]).astype(np.float32)
    reverse = ReverseChannels()
    y, log_det = reverse.forward_and_log_det(x)
    np.testing.assert_array_equal(y, x[..., ::-1])
    assert log_det == 0.0
    np.testing.assert_array_equal(reverse.forward(y), x)


def test_weight_is_the_map():
    x = np.random.default_rng(0).normal(size=[2, 1, 2, 5]).astype(np.float32)
    reverse, weights = ReverseChannels(), ChannelOrder.reverse(5)
    np.testing.assert_array_equal(x @ weights.matrix(tf.float32).numpy(), reverse.forward(x))
    inverse = weights.inverse_matrix(tf.float32).numpy()
    np.testing.assert_array_equal(x @ inverse, reverse.inverse(x))
