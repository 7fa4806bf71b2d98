"""What every bijector of tfglow takes, and what it refuses."""

import numpy as np
import pytest
import tensorflow as tf

from tests.tfglow.bijectors.contract import both_ways, relative_error

pytestmark = pytest.mark.slow


def test_another_dtype_is_refused(case, dtype):
    bijector = case.bijector(dtype)
    other = "float64" if dtype == "float32" else "float32"
    x, kwargs = case.inputs(dtype=other)
    assert bijector.dtype == dtype
    for method in ("forward", "forward_log_det_jacobian", "forward_and_log_det"):
        with pytest.raises(ValueError, match=f"{dtype}.*{other}"):
            getattr(bijector, method)(x, **kwargs)


def test_arrays_and_lists_are_taken(case):
    bijector = case.bijector()
    x, kwargs = case.inputs()
    expected = bijector.forward(x, **kwargs)
    labels = {name: value.numpy() for name, value in kwargs.items()}
    np.testing.assert_array_equal(bijector.forward(x.numpy(), **labels), expected)
    np.testing.assert_array_equal(bijector.forward_and_log_det(x.numpy(), **labels)[0], expected)
    labels = {name: value.numpy().tolist() for name, value in kwargs.items()}
    np.testing.assert_array_equal(bijector.forward(x.numpy().tolist(), **labels), expected)


def test_validate_args_changes_no_result(case):
    x, kwargs = case.inputs()
    plain, checked = case.bijector(), case.fresh(validate_args=True)
    for ours, theirs in zip(plain.variables, checked.variables, strict=True):
        theirs.assign(ours)
    y = plain.forward(x, **kwargs)
    expected = both_ways(plain, x, y, kwargs)
    for actual in (
        both_ways(checked, x, y, kwargs),
        tf.function(both_ways)(checked, x, y, kwargs),
    ):
        for value, wanted in zip(actual, expected, strict=True):
            assert relative_error(value, wanted) < 1e-5


def test_validate_args_refuses_what_is_not_finite(case):
    bijector = case.bijector(validate_args=True)
    x, kwargs = case.inputs()
    x = tf.concat([x[:-1], x[-1:] * np.inf], axis=0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not finite"):
        bijector.forward(x, **kwargs)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not finite"):
        tf.function(bijector.forward)(x, **kwargs)


def test_wrong_channels_are_refused_with_both_numbers(sized_case):
    bijector = sized_case.bijector()
    x, kwargs = sized_case.inputs()
    channels = sized_case.event_shape[-1]
    wrong = tf.concat([x, x], axis=-1)
    for refused in (bijector.forward, bijector.forward_log_det_jacobian):
        with pytest.raises(ValueError, match=rf"\b{channels}\b.*\b{2 * channels}\b"):
            refused(wrong, **kwargs)


def test_wrong_channels_that_only_show_at_run_time_are_refused(sized_case):
    bijector = sized_case.bijector()
    x, kwargs = sized_case.inputs((4,))
    wrong = tf.concat([x, x], axis=-1)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, None], x.dtype)])
    def forward(x):
        return bijector.forward(x, **kwargs)

    forward(x)
    channels = sized_case.event_shape[-1]
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=rf"\b{2 * channels}\b.*\b{channels}\b"
    ):
        forward(wrong)
