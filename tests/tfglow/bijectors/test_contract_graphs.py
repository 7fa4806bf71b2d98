"""What every bijector of tfglow promises inside `tf.function` and XLA."""

import tensorflow as tf

from tests.tfglow.bijectors.contract import all_maps, broken, negative_log_density, relative_error


def test_function_with_unknown_batch_size(case):
    bijector = case.bijector()
    x, kwargs = case.inputs()
    y = bijector.forward(x, **kwargs)
    expected = all_maps(bijector, broken(x), broken(y), kwargs)
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
    one = {name: value[:1] for name, value in kwargs.items()}
    assert concrete(x[:1], y[:1], one)[0].shape[0] == 1


def test_function_with_unknown_height_and_width(case):
    bijector = case.bijector()
    x, kwargs = case.inputs()
    expected, expected_log_det = bijector.forward_and_log_det(x, **kwargs)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, x.shape[-1]], x.dtype)])
    def forward(x):
        return bijector.forward(x, **kwargs), bijector.forward_log_det_jacobian(x, **kwargs)

    y, log_det = forward(x)
    assert relative_error(y, expected) < 1e-5
    assert relative_error(log_det, expected_log_det) < 1e-5


def test_xla(case):
    bijector = case.bijector()
    x, kwargs = case.inputs()
    y = bijector.forward(x, **kwargs)
    expected = all_maps(bijector, broken(x), broken(y), kwargs)
    with tf.GradientTape() as tape:
        loss = negative_log_density(bijector, broken(x), kwargs)
    expected_gradients = tape.gradient(loss, bijector.trainable_variables)

    @tf.function(jit_compile=True)
    def maps(x, y, kwargs):
        with tf.GradientTape() as tape:
            loss = negative_log_density(bijector, x, kwargs)
        gradients = tape.gradient(loss, bijector.trainable_variables)
        return all_maps(bijector, x, y, kwargs), gradients

    values, gradients = maps(x, y, kwargs)
    for value, wanted in zip(values, expected, strict=True):
        assert relative_error(value, wanted) < 1e-5
    for gradient, wanted in zip(gradients, expected_gradients, strict=True):
        assert relative_error(gradient, wanted) < 1e-4
