import numpy as np
import tensorflow as tf

from tfglow import pixelwise


def test_linear_is_a_1x1_convolution():
    rng = np.random.default_rng(0)
    x, weight, bias = rng.normal(size=[2, 3, 4, 5]), rng.normal(size=[5, 6]), rng.normal(size=[6])
    expected = np.einsum("bhwc,cd->bhwd", x, weight)
    x, weight, bias = tf.constant(x), tf.constant(weight), tf.constant(bias)
    np.testing.assert_allclose(pixelwise.linear(x, weight), expected, rtol=1e-12)
    np.testing.assert_allclose(pixelwise.linear(x, weight, bias), expected + bias, rtol=1e-12)
    activated = pixelwise.linear(x, weight, bias, tf.nn.relu)
    np.testing.assert_allclose(activated, np.maximum(expected + bias, 0.0), rtol=1e-12)


def test_linear_of_unknown_sizes():
    rng = np.random.default_rng(0)
    x, weight = tf.constant(rng.normal(size=[2, 3, 4, 5])), tf.constant(rng.normal(size=[5, 6]))
    traced = tf.function(
        lambda x: pixelwise.linear(x, weight),
        input_signature=[tf.TensorSpec([None, None, None, 5], tf.float64)],
    )
    for part in (x, x[:0], x[:1, :2]):
        np.testing.assert_allclose(traced(part), pixelwise.linear(part, weight), rtol=1e-12)


def test_sum_of_rows():
    rows = np.random.default_rng(0).normal(size=[7, 3])
    np.testing.assert_allclose(pixelwise.sum_rows(tf.constant(rows)), rows.sum(0), rtol=1e-12)
    np.testing.assert_array_equal(pixelwise.sum_rows(tf.constant(rows[:0])), np.zeros(3))
