import numpy as np
import pytest
import tensorflow as tf

from tfglow.ops import shapes


@pytest.fixture(name="x")
def _x():
    return tf.constant(np.random.default_rng(0).normal(size=[2, 3, 5, 4]))


def test_a_shape_is_static_where_it_can_be(x):
    assert shapes.shape_list(x) == [2, 3, 5, 4]
    seen = []

    @tf.function(input_signature=[tf.TensorSpec([None, 3, None, 4], tf.float64)])
    def trace(x):
        sizes = shapes.shape_list(x)
        seen.append([size if isinstance(size, int) else None for size in sizes])
        return tf.stack(sizes)

    np.testing.assert_array_equal(trace(x), [2, 3, 5, 4])
    assert seen == [[None, 3, None, 4]]


def test_number_of_positions(x):
    count = shapes.num_positions(x)
    assert count == 15.0 and count.dtype == tf.float64


@pytest.mark.parametrize("batch_shape", [[], [3], [2, 3], [2, 0]])
def test_batch_dimensions_are_merged_and_come_back(batch_shape):
    x = tf.random.stateless_normal([*batch_shape, 4, 5], [0, 1])
    flat = shapes.flatten_batch(x, 2)
    assert flat.shape == (int(np.prod(batch_shape)), 4, 5)
    np.testing.assert_array_equal(shapes.unflatten_batch(flat, batch_shape), x)


def test_at_least_one_row(x):
    labels = tf.constant([1, 2])
    same = shapes.at_least_one_row(x, labels)
    assert same[0] is x and same[1] is labels
    more = shapes.at_least_one_row(x[:0], labels[:0])
    np.testing.assert_array_equal(more[0], np.zeros([1, 3, 5, 4]))
    np.testing.assert_array_equal(more[1], [0])
    specs = [tf.TensorSpec([None, 3, 5, 4], tf.float64), tf.TensorSpec([None], tf.int32)]
    traced = tf.function(lambda *tensors: shapes.at_least_one_row(*tensors), input_signature=specs)
    assert traced(x[:0], labels[:0])[0].shape[0] == 1
    np.testing.assert_array_equal(traced(x, labels)[0], x)


def test_halves_and_pairs_of_channels(x):
    x1, x2 = shapes.split_channels(x)
    np.testing.assert_array_equal(x1, x[..., :2])
    np.testing.assert_array_equal(x2, x[..., 2:])
    np.testing.assert_array_equal(shapes.join_channels(x1, x2), x)
    even, odd = shapes.split_pairs(x)
    np.testing.assert_array_equal(even, x[..., 0::2])
    np.testing.assert_array_equal(odd, x[..., 1::2])
