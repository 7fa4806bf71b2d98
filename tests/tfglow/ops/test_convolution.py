"""Every convolution is TensorFlow's own, and so are its gradients."""

import numpy as np
import pytest
import tensorflow as tf

from tfglow.ops.convolution import looped_convolution, plain_convolution, trainable_convolution


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "convolution, channels, filters",
    [(looped_convolution, 3, 4), (trainable_convolution, 3, 4), (trainable_convolution, 50, 1)],
)
def test_values_and_gradients(convolution, channels, filters, size):
    rng = np.random.default_rng(size)
    x = tf.constant(rng.normal(size=[2, 6, 5, channels]))
    kernel = tf.constant(rng.normal(size=[size, size, channels, filters]))
    upstream = tf.constant(rng.normal(size=[2, 6, 5, filters]))

    def run(convolve):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = convolve(x, kernel)
        return [y, *tape.gradient(y, [x, kernel], upstream)]

    for ours, theirs in zip(run(convolution), run(plain_convolution), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)


def test_gradients_are_products_where_the_upstream_is_narrow():
    def operations(channels):
        x, kernel = tf.ones([2, 4, 4, channels]), tf.ones([3, 3, channels, 2])

        @tf.function
        def gradients():
            with tf.GradientTape() as tape:
                tape.watch([x, kernel])
                y = trainable_convolution(x, kernel)
            return tape.gradient(y, [x, kernel])

        return {op.type for op in gradients.get_concrete_function().graph.get_operations()}

    products = operations(36)
    assert "MatMul" in products and "Conv2DBackpropFilter" not in products
    assert "Conv2DBackpropFilter" in operations(35)


def test_xla_gets_convolutions_of_one_order_of_dimensions():
    x, kernel = tf.ones([2, 4, 4, 3]), tf.ones([3, 3, 3, 5])

    def orders(convolve):
        def gradients(x, kernel):
            with tf.GradientTape() as tape:
                tape.watch([x, kernel])
                total = tf.reduce_sum(convolve(x, kernel) ** 2)
            return tape.gradient(total, [x, kernel])

        compiled = tf.function(gradients, jit_compile=True)
        text = compiled.experimental_get_compiler_ir(x, kernel)(stage="hlo")
        return [part.split(",")[0].split()[0] for part in text.split("dim_labels=")[1:]]

    assert orders(looped_convolution) == 3 * ["b01f_01io->b01f"]
    assert len(set(orders(plain_convolution))) == 3
