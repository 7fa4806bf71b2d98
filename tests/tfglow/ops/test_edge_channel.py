import numpy as np
import pytest
import tensorflow as tf

from tfglow.ops.edge_channel import (
    append_edge_channel,
    append_inside_channel,
    edge_patches,
    edge_response,
    join_edge_kernel,
    split_edge_kernel,
)

# How many of a 3×3 window's nine places lie outside of an image of 5×4.
OUTSIDE = [[5, 3, 3, 5], [3, 0, 0, 3], [3, 0, 0, 3], [3, 0, 0, 3], [5, 3, 3, 5]]


def random(*shape, seed=0, dtype="float64"):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), dtype)


def test_the_channel_is_1_in_the_padding():
    seen = append_edge_channel(random(2, 5, 4, 3), 3).numpy()
    assert seen.shape == (2, 7, 6, 4)
    np.testing.assert_array_equal(seen[:, 1:-1, 1:-1, :3], random(2, 5, 4, 3))
    np.testing.assert_array_equal(seen[:, 1:-1, 1:-1, 3], np.zeros([2, 5, 4]))
    for border in (seen[:, 0], seen[:, -1], seen[:, :, 0], seen[:, :, -1]):
        np.testing.assert_array_equal(border, np.broadcast_to([0, 0, 0, 1], border.shape))


def test_the_response_counts_the_edge():
    response = edge_response(tf.ones([3, 3, 1, 2], tf.float64), 5, 4)
    np.testing.assert_array_equal(response, np.stack([[OUTSIDE] * 2]).transpose(0, 2, 3, 1))


@pytest.mark.parametrize("size", [2, 3, 5])
def test_patches_make_the_convolution_a_product(size):
    x, kernel = random(2, 5, 4, 3), random(size, size, 4, 6, seed=1)
    upstream = random(2, 5, 4, 6, seed=2)

    def convolution(x, kernel):
        seen = append_edge_channel(x, size)
        return tf.nn.conv2d(seen, kernel, strides=1, padding="VALID")

    def product(x, kernel):
        weight = tf.reshape(kernel, [size * size * 4, 6])
        return tf.einsum("bhwp,pf->bhwf", edge_patches(x, size), weight)

    def value_and_gradients(function):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = function(x, kernel)
        return [y, *tape.gradient(y, [x, kernel], upstream)]

    expected = value_and_gradients(convolution)
    for run in (value_and_gradients, tf.function(value_and_gradients, autograph=False)):
        for one, other in zip(run(product), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)


def test_a_kernels_parts_and_their_gradient():
    kernel = random(3, 3, 4, 2)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        image, edge = split_edge_kernel(kernel)
        loss = tf.reduce_sum(image**2) + tf.reduce_sum(3.0 * edge)
    np.testing.assert_array_equal(tf.concat([image, edge], 2), kernel)
    expected = np.concatenate([2 * image, np.full([3, 3, 1, 2], 3.0)], axis=2)
    np.testing.assert_array_equal(tape.gradient(loss, kernel), expected)


def test_a_kernels_parts_joined_and_their_gradient():
    image, edge = random(3, 3, 3, 2), random(3, 3, 1, 2, seed=1)
    with tf.GradientTape() as tape:
        tape.watch([image, edge])
        kernel = join_edge_kernel(image, edge)
        loss = tf.reduce_sum(kernel**2)
    np.testing.assert_array_equal(kernel, np.concatenate([image, edge], axis=2))
    for gradient, part in zip(tape.gradient(loss, [image, edge]), (image, edge), strict=True):
        np.testing.assert_array_equal(gradient, 2 * part)


def test_the_inside_channel_and_its_gradient():
    x, upstream = random(2, 5, 4, 3), random(2, 5, 4, 4, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = append_inside_channel(x)
    np.testing.assert_array_equal(y, np.concatenate([x, np.ones([2, 5, 4, 1])], -1))
    np.testing.assert_array_equal(tape.gradient(y, x, upstream), upstream[..., :-1])
