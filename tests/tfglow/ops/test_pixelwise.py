import numpy as np
import pytest
import tensorflow as tf

from tfglow.ops import pixelwise


def test_linear_is_a_1x1_convolution():
    rng = np.random.default_rng(0)
    x, weight, bias = rng.normal(size=[2, 3, 4, 5]), rng.normal(size=[5, 6]), rng.normal(size=[6])
    expected = np.einsum("bhwc,cd->bhwd", x, weight)
    x, weight, bias = tf.constant(x), tf.constant(weight), tf.constant(bias)
    np.testing.assert_allclose(pixelwise.linear(x, weight), expected, rtol=1e-12)
    np.testing.assert_allclose(pixelwise.linear(x, weight, bias), expected + bias, rtol=1e-12)
    activated = pixelwise.linear(x, weight, bias, tf.nn.relu)
    np.testing.assert_allclose(activated, np.maximum(expected + bias, 0.0), rtol=1e-12)
    activated = pixelwise.linear(x, weight, activation=tf.nn.relu)
    np.testing.assert_allclose(activated, np.maximum(expected, 0.0), rtol=1e-12)


def test_linear_of_unknown_sizes():
    rng = np.random.default_rng(0)
    x, weight = tf.constant(rng.normal(size=[2, 3, 4, 5])), tf.constant(rng.normal(size=[5, 6]))
    traced = tf.function(
        lambda x: pixelwise.linear(x, weight),
        input_signature=[tf.TensorSpec([None, None, None, 5], tf.float64)],
    )
    for part in (x, x[:0], x[:1, :2]):
        np.testing.assert_allclose(traced(part), pixelwise.linear(part, weight), rtol=1e-12)


@pytest.mark.parametrize("activation", [None, tf.nn.relu, tf.tanh])
def test_gradients_are_those_of_plain_operations(activation):
    rng = np.random.default_rng(0)
    shapes = ([2, 3, 4, 5], [5, 6], [6])
    inputs = [tf.constant(rng.normal(size=shape)) for shape in shapes]
    upstream = tf.constant(rng.normal(size=[2, 3, 4, 6]))

    def plain(x, weight, bias):
        y = tf.einsum("bhwc,cd->bhwd", x, weight) + bias
        return y if activation is None else activation(y)

    def gradients(function):
        """Of the first order, asked for twice, and of the second."""
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(inputs)
                y = tf.sin(function(*inputs))
            once, twice = (tape.gradient(y, inputs, upstream) for _ in range(2))
            total = tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in once])
        return [*once, *twice, *outer.gradient(total, inputs)]

    ours = pixelwise.trainable_linear(*inputs, activation)
    np.testing.assert_allclose(ours, plain(*inputs), rtol=1e-12, atol=1e-12)
    for run in (gradients, tf.function(gradients, autograph=False)):
        ours = run(lambda *inputs: pixelwise.trainable_linear(*inputs, activation))
        for one, other in zip(ours, gradients(plain), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)
