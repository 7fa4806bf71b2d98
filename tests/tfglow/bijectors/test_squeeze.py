import numpy as np
import pytest
import tensorflow as tf

from tfglow.bijectors import Squeeze


@pytest.mark.parametrize("factor", [2, 3])
def test_channel_order(factor):
    rng = np.random.default_rng(0)
    x = rng.normal(size=[2, 2 * factor, 3 * factor, 4]).astype(np.float32)
    y = Squeeze(factor).forward(x).numpy()
    assert y.shape == (2, 2, 3, 4 * factor**2)
    for channel in range(4):
        for row in range(factor):
            for column in range(factor):
                out = channel * factor**2 + row * factor + column
                expected = x[:, row::factor, column::factor, channel]
                np.testing.assert_array_equal(y[..., out], expected)


def test_official_order_of_one_block():
    x = np.arange(8.0, dtype=np.float32).reshape(
        1, 2, 2, 2
    )  # Pixel (r, c), channel k: 4r + 2c + k.
    np.testing.assert_array_equal(Squeeze().forward(x).numpy().ravel(), [0, 2, 4, 6, 1, 3, 5, 7])


@pytest.mark.parametrize("factor", [1, 0, -2, 2.0, "2", None])
def test_factor_must_be_an_integer_above_1(factor):
    with pytest.raises(ValueError, match=f"`factor` must be an integer above 1, got {factor!r}"):
        Squeeze(factor)


def test_sizes_that_do_not_divide_are_refused():
    squeeze = Squeeze()
    with pytest.raises(ValueError, match="height divisible by 2, got 3"):
        squeeze.forward(np.zeros([1, 3, 4, 1], np.float32))
    with pytest.raises(ValueError, match="width divisible by 2, got 5"):
        squeeze.forward(np.zeros([1, 4, 5, 1], np.float32))
    with pytest.raises(ValueError, match="channels divisible by 4, got 6"):
        squeeze.inverse(np.zeros([1, 4, 4, 6], np.float32))
    with pytest.raises(ValueError, match="height divisible by 2, got 3"):
        squeeze.forward_event_shape([3, 4, 1])
    with pytest.raises(ValueError, match="channels divisible by 4, got 6"):
        squeeze.inverse_event_shape([3, 4, 6])


@pytest.mark.parametrize("shape", [(2, 3, 4, 3), (2, 4, 3, 3), (2, 3, 3, 4)])
def test_sizes_that_only_show_at_run_time_do_not_run_over_into_other_images(shape):
    forward = tf.function(
        Squeeze().forward, input_signature=[tf.TensorSpec([None, None, None, shape[-1]])]
    )
    with pytest.raises(tf.errors.InvalidArgumentError):
        forward(tf.zeros(shape))


def test_inverse_channels_that_only_show_at_run_time():
    inverse = tf.function(
        Squeeze().inverse, input_signature=[tf.TensorSpec([None, None, None, None])]
    )
    with pytest.raises(tf.errors.InvalidArgumentError):
        inverse(tf.zeros([2, 2, 2, 6]))


def test_partial_event_shapes():
    squeeze = Squeeze()
    assert squeeze.forward_event_shape([None, 4, None]).as_list() == [None, 2, None]
    assert squeeze.inverse_event_shape([None, 4, 8]).as_list() == [None, 8, 2]
    assert squeeze.forward_event_shape([7, 4, 4, 1]).as_list() == [7, 2, 2, 4]
