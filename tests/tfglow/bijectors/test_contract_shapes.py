"""What every bijector of tfglow promises of shapes."""

import numpy as np
import pytest
import tensorflow as tf

from tests.tfglow.bijectors.contract import all_maps, both_ways, full_log_det, relative_error

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("batch_shape", [(), (1,), (2, 3), (2, 1, 2)])
def test_any_batch_shape(case, batch_shape):
    bijector = case.bijector("float64")
    x, kwargs = case.inputs(batch_shape, "float64")
    y, fldj = bijector.forward_and_log_det(x, **kwargs)
    event_shape = bijector.forward_event_shape(case.event_shape)
    assert y.shape == (*batch_shape, *event_shape)
    assert fldj.shape in (tf.TensorShape([]), tf.TensorShape(batch_shape))
    flat_kwargs = {name: tf.reshape(value, [-1]) for name, value in kwargs.items()}
    flat_x = tf.reshape(x, [-1, *case.event_shape])
    flat_y, flat_fldj = bijector.forward_and_log_det(flat_x, **flat_kwargs)
    np.testing.assert_allclose(tf.reshape(y, flat_y.shape), flat_y, atol=1e-14)
    np.testing.assert_allclose(
        full_log_det(fldj, batch_shape).reshape(-1),
        full_log_det(flat_fldj, flat_x.shape[:1]),
        atol=1e-12,
    )
    back, ildj = bijector.inverse_and_log_det(y, **kwargs)
    np.testing.assert_allclose(back, x, atol=1e-12)
    assert ildj.shape == fldj.shape


@pytest.mark.parametrize("batch_shape", [(0,), (2, 0)])
def test_no_rows(case, batch_shape, dtype):
    # In float32 too, where oneDNN's convolution of 0 rows has its input's number of channels.
    bijector = case.bijector(dtype)
    x, kwargs = case.inputs(batch_shape, dtype)
    y = tf.zeros([*batch_shape, *bijector.forward_event_shape(case.event_shape)], dtype)
    forward, fldj, inverse, ildj = all_maps(bijector, x, y, kwargs)
    assert forward.shape == y.shape and inverse.shape == x.shape
    for log_det in (fldj, ildj):
        assert log_det.shape in (tf.TensorShape([]), tf.TensorShape(batch_shape))


def test_a_function_of_any_batch_of_two_dimensions_takes_no_rows(case):
    bijector = case.bijector()
    event_shape = bijector.forward_event_shape(case.event_shape)
    unknown = [None, None]
    kwargs = {name: tf.TensorSpec(unknown, tf.int32) for name in case.inputs()[1]}

    @tf.function
    def maps(x, y, kwargs):
        return both_ways(bijector, x, y, kwargs)

    maps = maps.get_concrete_function(
        tf.TensorSpec([*unknown, *case.event_shape]),
        tf.TensorSpec([*unknown, *event_shape]),
        kwargs,
    )
    none, some = (2, 0), (2, 3)
    for batch_shape in (none, some):
        x, kwargs = case.inputs(batch_shape)
        y = tf.reshape(x, [*batch_shape, *event_shape])
        expected = both_ways(bijector, x, y, kwargs)
        for value, wanted in zip(maps(x, y, kwargs), expected, strict=True):
            assert value.shape == wanted.shape
            if batch_shape == some:
                assert relative_error(value, wanted) < 1e-5


def test_event_ndims_above_the_minimum_sum_the_log_det(case):
    bijector = case.bijector("float64")
    x, kwargs = case.inputs((2, 3), "float64")
    each = full_log_det(bijector.forward_log_det_jacobian(x, **kwargs), [2, 3])
    more = bijector.forward_min_event_ndims + 1
    summed = bijector.forward_log_det_jacobian(x, event_ndims=more, **kwargs)
    np.testing.assert_allclose(full_log_det(summed, [2]), each.sum(1), atol=1e-12)
    y = bijector.forward(x, **kwargs)
    more = bijector.inverse_min_event_ndims + 2
    summed = bijector.inverse_log_det_jacobian(y, event_ndims=more, **kwargs)
    np.testing.assert_allclose(summed, -each.sum(), atol=1e-11)


def test_event_shapes(case):
    bijector = case.bijector()
    x, kwargs = case.inputs()
    y = bijector.forward(x, **kwargs)
    assert bijector.forward_event_shape(x.shape[1:]) == y.shape[1:]
    assert bijector.inverse_event_shape(y.shape[1:]) == x.shape[1:]
    np.testing.assert_array_equal(
        bijector.forward_event_shape_tensor(x.shape[1:].as_list()), y.shape[1:]
    )
    np.testing.assert_array_equal(
        bijector.inverse_event_shape_tensor(y.shape[1:].as_list()), x.shape[1:]
    )
    assert bijector.forward_event_ndims(4) == bijector.inverse_min_event_ndims + 1
    assert bijector.inverse_event_ndims(bijector.inverse_min_event_ndims) == 3
    assert bijector.experimental_batch_shape().rank == 0


def test_too_few_dimensions_are_refused(case):
    bijector = case.bijector()
    x, kwargs = case.inputs(())
    kwargs = {name: tf.zeros([4], tf.int32) for name in kwargs}
    with pytest.raises(ValueError, match=r"at least 3 dimensions, got shape \(4, 4\)"):
        bijector.forward(tf.zeros([4, 4], x.dtype), **kwargs)


def test_unknown_rank_is_refused(case):
    bijector = case.bijector()
    x, kwargs = case.inputs()

    @tf.function(input_signature=[tf.TensorSpec(None, x.dtype)])
    def forward(x):
        return bijector.forward(x, **kwargs)

    with pytest.raises(ValueError, match="at least 3 dimensions, got shape <unknown>"):
        forward(x)
