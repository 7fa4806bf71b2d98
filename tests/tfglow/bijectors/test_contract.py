"""What every bijector of tfglow promises of its values and log-dets."""

import contextlib

import numpy as np
import tensorflow as tf

from tests.tfglow.bijectors.contract import (
    CASES,
    TOLERANCE,
    all_maps,
    full_log_det,
    jacobian,
    relative_error,
)
from tfglow import bijectors as tgb


def test_every_public_bijector_has_a_case():
    covered = {type(case.bijector()) for case in CASES.values()}
    public = {getattr(tgb, name) for name in tgb.__all__} - {tgb.OnePassBijector}
    assert covered == public


def test_round_trip_from_data(case, dtype):
    bijector = case.bijector(dtype)
    x, kwargs = case.inputs(dtype=dtype)
    y = bijector.forward(x, **kwargs)
    assert y.dtype == dtype
    assert relative_error(bijector.inverse(y, **kwargs), x) < TOLERANCE[dtype]


def test_round_trip_from_latent(case, dtype):
    bijector = case.bijector(dtype)
    x, kwargs = case.inputs(dtype=dtype)
    y_shape = bijector.forward_event_shape(case.event_shape)
    y = tf.reshape(x, [x.shape[0], *y_shape])
    x = bijector.inverse(y, **kwargs)
    assert x.shape[1:] == case.event_shape
    assert relative_error(bijector.forward(x, **kwargs), y) < TOLERANCE[dtype]


def test_map_is_not_the_identity(case):
    bijector = case.bijector()
    x, kwargs = case.inputs()
    y = tf.reshape(bijector.forward(x, **kwargs), x.shape)
    if bijector.name == "top_prior" and not bijector.trainable_variables:
        np.testing.assert_array_equal(y, x)
    else:
        assert relative_error(y, x) > 1e-3


def test_log_dets_equal_the_jacobian_of_autodiff(case):
    bijector = case.bijector("float64")
    x, kwargs = case.inputs(dtype="float64")
    y = bijector.forward(x, **kwargs)
    fldj = full_log_det(bijector.forward_log_det_jacobian(x, **kwargs), [3])
    ildj = full_log_det(bijector.inverse_log_det_jacobian(y, **kwargs), [3])
    for i in range(2):
        event_kwargs = {name: value[i] for name, value in kwargs.items()}
        forward = jacobian(lambda x, kw=event_kwargs: bijector.forward(x, **kw), x[i])
        inverse = jacobian(lambda y, kw=event_kwargs: bijector.inverse(y, **kw), y[i])
        np.testing.assert_allclose(fldj[i], log_abs_det(forward), rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(ildj[i], log_abs_det(inverse), rtol=1e-10, atol=1e-10)


def test_inverse_log_det_is_minus_the_forward_one(case, dtype):
    bijector = case.bijector(dtype)
    x, kwargs = case.inputs(dtype=dtype)
    y = bijector.forward(x, **kwargs)
    fldj = bijector.forward_log_det_jacobian(x, **kwargs)
    ildj = bijector.inverse_log_det_jacobian(y, **kwargs)
    assert relative_error(-ildj, fldj) < TOLERANCE[dtype]


def test_constant_jacobian_is_told_truly(case):
    bijector = case.bijector("float64")
    x, kwargs = case.inputs(dtype="float64")
    same_label = {name: tf.zeros([], value.dtype) for name, value in kwargs.items()}
    at_two_points = [jacobian(lambda x: bijector.forward(x, **same_label), x[i]) for i in range(2)]
    is_constant = relative_error(*at_two_points) < 1e-9
    # A prior with labels is affine, but another map for each label: TFP knows no such flag.
    told = bijector.is_constant_jacobian
    assert told == (is_constant and not case.num_classes), "is_constant_jacobian of the constructor"


def test_results_do_not_depend_on_the_order_of_calls(case):
    bijector = case.bijector("float64")
    x, kwargs = case.inputs(dtype="float64")
    expected, expected_log_det = bijector.forward_and_log_det(x, **kwargs)
    for taped in (False, True):
        with tf.GradientTape() if taped else contextlib.nullcontext():
            fldj = bijector.forward_log_det_jacobian(x, **kwargs)
            y = bijector.forward(x, **kwargs)
            ildj = bijector.inverse_log_det_jacobian(y, **kwargs)
            back = bijector.inverse(y, **kwargs)
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(fldj, expected_log_det)
        np.testing.assert_allclose(ildj, -expected_log_det, rtol=1e-12, atol=1e-12)
        assert relative_error(back, x) < 1e-12


def test_one_pass_equals_tfp_interface(case):
    bijector = case.bijector()
    x, kwargs = case.inputs()
    y, fldj = bijector.forward_and_log_det(x, **kwargs)
    back, ildj = bijector.inverse_and_log_det(y, **kwargs)
    actual = all_maps(bijector, x, y, kwargs)
    for value, expected in zip(actual, (y, fldj, back, ildj), strict=True):
        np.testing.assert_array_equal(value, expected)


def log_abs_det(matrix):
    return np.linalg.slogdet(matrix)[1]
