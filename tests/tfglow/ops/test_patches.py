import numpy as np
import pytest
import tensorflow as tf

from tfglow.ops.patches import pad_image, patches, sum_patches


@pytest.fixture(name="x")
def _x():
    return tf.constant(np.random.default_rng(0).normal(size=[2, 6, 5, 3]))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_patches_are_the_windows_of_a_valid_convolution(x, size):
    expected = tf.image.extract_patches(x, [1, size, size, 1], [1] * 4, [1] * 4, "VALID")
    np.testing.assert_array_equal(patches(x, size), expected)
    traced = tf.function(
        lambda x: patches(x, size), input_signature=[tf.TensorSpec([None, None, None, 3], x.dtype)]
    )
    np.testing.assert_array_equal(traced(x), expected)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_sum_patches_is_the_gradient(x, size):
    before = (size - 1) // 2
    with tf.GradientTape() as tape:
        tape.watch(x)
        padded = pad_image(x, before, size - 1 - before)
        windows = tf.image.extract_patches(padded, [1, size, size, 1], [1] * 4, [1] * 4, "VALID")
    upstream = tf.constant(np.random.default_rng(1).normal(size=windows.shape))
    expected = tape.gradient(windows, x, upstream)
    np.testing.assert_allclose(sum_patches(upstream, size), expected, rtol=1e-12, atol=1e-12)


def test_margins_have_their_own_value(x):
    padded = pad_image(x, 1, 2, constant_values=7.0).numpy()
    assert padded.shape == (2, 9, 8, 3)
    np.testing.assert_array_equal(padded[:, 1:-2, 1:-2], x)
    padded[:, 1:-2, 1:-2] = 7.0
    assert (padded == 7.0).all()
