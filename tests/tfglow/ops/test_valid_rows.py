"""Rows that are numbers."""

import numpy as np
import pytest
import tensorflow as tf

from tfglow.ops.valid_rows import finite_rows, zero_unless


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 2, 2, 1)])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_row_is_finite_if_all_of_it_is(shape, bad):
    values = np.ones(shape, np.float32)
    values.reshape(4, -1)[2, -1] = bad
    np.testing.assert_array_equal(finite_rows(tf.constant(values)), [True, True, False, True])
    assert finite_rows(tf.constant(values[:0])).shape == (0,)


def test_rows_that_are_not_valid_are_zero_or_empty():
    valid = tf.constant([True, False])
    values = tf.constant([[1.0, 2.0], [np.nan, 3.0]])
    np.testing.assert_array_equal(zero_unless(valid, values), [[1.0, 2.0], [0.0, 0.0]])
    np.testing.assert_array_equal(zero_unless(valid, tf.constant(["a", "b"])), [b"a", b""])
