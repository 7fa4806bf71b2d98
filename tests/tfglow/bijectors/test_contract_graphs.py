"""What every bijector of tfglow promises inside `tf.function` and XLA."""

import pytest
import tensorflow as tf

from tests.tfglow.bijectors.contract import (
    CASES,
    all_maps,
    both_ways,
    negative_log_density,
    relative_error,
)

pytestmark = pytest.mark.slow


def test_function_with_unknown_batch_size(case):
    bijector = case.bijector()
    x, kwargs = case.inputs()
    y = bijector.forward(x, **kwargs)
    expected = all_maps(bijector, x, y, kwargs)
    label_specs = {name: tf.TensorSpec([None], tf.int32) for name in kwargs}

    @tf.function
    def maps(x, y, kwargs):
        return all_maps(bijector, x, y, kwargs)

    concrete = maps.get_concrete_function(
        tf.TensorSpec([None, *x.shape[1:]], x.dtype),
        tf.TensorSpec([None, *y.shape[1:]], y.dtype),
        label_specs,
    )
    assert concrete.structured_outputs[0].shape[1:] == y.shape[1:]
    assert concrete.structured_outputs[2].shape[1:] == x.shape[1:]
    for value, wanted in zip(concrete(x, y, kwargs), expected, strict=True):
        assert relative_error(value, wanted) < 1e-5
    for rows in (1, 0):
        few = {name: value[:rows] for name, value in kwargs.items()}
        expected = all_maps(bijector, x[:rows], y[:rows], few)
        for value, wanted in zip(concrete(x[:rows], y[:rows], few), expected, strict=True):
            assert value.shape == wanted.shape


def test_function_with_unknown_height_and_width(case):
    bijector = case.bijector()
    x, kwargs = case.inputs()
    expected, expected_log_det = bijector.forward_and_log_det(x, **kwargs)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, x.shape[-1]], x.dtype)])
    def forward(x):
        return bijector.forward_and_log_det(x, **kwargs)

    y, log_det = forward(x)
    assert relative_error(y, expected) < 1e-5
    assert relative_error(log_det, expected_log_det) < 1e-5


# The other flows are made of steps, splits and top priors, each of which is compiled by itself.
COMPILED = [name for name in CASES if not name.startswith("glow_") or name == "glow_conditional"]


@pytest.mark.parametrize("case", COMPILED, indirect=True)
def test_xla(case):
    bijector = case.bijector()
    x, kwargs = case.inputs()
    y = bijector.forward(x, **kwargs)

    def maps_and_gradients(x, y, kwargs):
        with tf.GradientTape() as tape:
            maps = both_ways(bijector, x, y, kwargs)
            loss = negative_log_density(*maps[:2])
        return maps, tape.gradient(loss, bijector.trainable_variables)

    expected, expected_gradients = maps_and_gradients(x, y, kwargs)
    values, gradients = tf.function(maps_and_gradients, jit_compile=True)(x, y, kwargs)
    for value, wanted in zip(values, expected, strict=True):
        assert relative_error(value, wanted) < 1e-5
    for gradient, wanted in zip(gradients, expected_gradients, strict=True):
        assert relative_error(gradient, wanted) < 1e-4
