"""What every bijector of tfglow promises, for every entry of the constructor table."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.bijectors.contract import (
    CASES,
    autodiff_log_det,
    broken,
    full_log_det,
    relative_error,
)
from tfglow import bijectors as tgb

tfb = tfp.bijectors
tfd = tfp.distributions

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


@pytest.fixture(params=list(CASES), name="case")
def _case(request):
    return CASES[request.param]


@pytest.fixture(params=[name for name in CASES if CASES[name].initializes], name="initialized_case")
def _initialized_case(request):
    return CASES[request.param]


@pytest.fixture(params=[name for name in CASES if CASES[name].knows_channels], name="sized_case")
def _sized_case(request):
    return CASES[request.param]


@pytest.fixture(params=["float32", "float64"], name="dtype")
def _dtype(request):
    return request.param


def all_maps(bijector, x, y, kwargs):
    """Both values and both log-dets."""
    return (
        bijector.forward(x, **kwargs),
        bijector.forward_log_det_jacobian(x, **kwargs),
        bijector.inverse(y, **kwargs),
        bijector.inverse_log_det_jacobian(y, **kwargs),
    )


def negative_log_density(bijector, x, kwargs):
    """The mean of −log N(forward(x); 0, I) − log |det|, but for a constant: a training loss."""
    y = tf.reshape(bijector.forward(x, **kwargs), [x.shape[0], -1])
    log_det = bijector.forward_log_det_jacobian(x, **kwargs)
    return tf.reduce_mean(0.5 * tf.reduce_sum(tf.square(y), -1) - log_det)


def test_every_public_bijector_has_a_case():
    covered = {type(case.bijector()) for case in CASES.values()}
    public = {getattr(tgb, name) for name in tgb.__all__} - {tgb.OnePassBijector}
    assert covered == public


# Values and log-dets.


def test_round_trip_from_data(case, dtype):
    bijector = case.bijector(dtype)
    x, kwargs = case.inputs(dtype=dtype)
    y = bijector.forward(x, **kwargs)
    assert y.dtype == dtype
    assert relative_error(bijector.inverse(broken(y), **kwargs), x) < TOLERANCE[dtype]


def test_round_trip_from_latent(case, dtype):
    bijector = case.bijector(dtype)
    x, kwargs = case.inputs(dtype=dtype)
    y_shape = bijector.forward_event_shape(case.event_shape)
    y = tf.reshape(x, [x.shape[0], *y_shape])
    x = bijector.inverse(y, **kwargs)
    assert x.shape[1:] == case.event_shape
    assert relative_error(bijector.forward(broken(x), **kwargs), y) < TOLERANCE[dtype]


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
    fldj = full_log_det(bijector.forward_log_det_jacobian(broken(x), **kwargs), [3])
    ildj = full_log_det(bijector.inverse_log_det_jacobian(broken(y), **kwargs), [3])
    for i in range(2):
        event_kwargs = {name: value[i] for name, value in kwargs.items()}
        forward = autodiff_log_det(lambda x, kw=event_kwargs: bijector.forward(x, **kw), x[i])
        inverse = autodiff_log_det(lambda y, kw=event_kwargs: bijector.inverse(y, **kw), y[i])
        np.testing.assert_allclose(fldj[i], forward, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(ildj[i], inverse, rtol=1e-10, atol=1e-10)


def test_inverse_log_det_is_minus_the_forward_one(case, dtype):
    bijector = case.bijector(dtype)
    x, kwargs = case.inputs(dtype=dtype)
    y = broken(bijector.forward(x, **kwargs))
    fldj = bijector.forward_log_det_jacobian(broken(x), **kwargs)
    ildj = bijector.inverse_log_det_jacobian(y, **kwargs)
    assert relative_error(-ildj, fldj) < TOLERANCE[dtype]


def test_constant_jacobian_is_told_truly(case):
    bijector = case.bijector("float64")
    x, kwargs = case.inputs(dtype="float64")
    same_label = {name: tf.zeros_like(value) for name, value in kwargs.items()}
    log_det = full_log_det(bijector.forward_log_det_jacobian(x, **same_label), [3])
    varies = np.ptp(log_det) > 1e-9
    assert not (varies and bijector.is_constant_jacobian)


@pytest.mark.parametrize("taped", [False, True])
@pytest.mark.parametrize("order", ["value_first", "log_det_first"])
def test_results_do_not_depend_on_the_order_of_calls(case, order, taped):
    bijector = case.bijector("float64")
    x, kwargs = case.inputs(dtype="float64")
    expected, expected_log_det = bijector.forward_and_log_det(x, **kwargs)
    x = broken(x)
    with tf.GradientTape() if taped else contextlib.nullcontext():
        if order == "value_first":
            y = bijector.forward(x, **kwargs)
            fldj = bijector.forward_log_det_jacobian(x, **kwargs)
            back = bijector.inverse(y, **kwargs)
            ildj = bijector.inverse_log_det_jacobian(y, **kwargs)
        else:
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
    actual = all_maps(bijector, broken(x), broken(y), kwargs)
    for value, expected in zip(actual, (y, fldj, back, ildj), strict=True):
        np.testing.assert_array_equal(value, expected)


# Shapes.


@pytest.mark.parametrize("batch_shape", [(), (1,), (2, 3), (2, 1, 2)])
def test_any_batch_shape(case, batch_shape):
    bijector = case.bijector("float64")
    x, kwargs = case.inputs(batch_shape, "float64")
    y, fldj = bijector.forward(x, **kwargs), bijector.forward_log_det_jacobian(x, **kwargs)
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
    back = bijector.inverse(broken(y), **kwargs)
    np.testing.assert_allclose(back, x, atol=1e-12)


def test_empty_batch(case):
    # In float64: oneDNN's float32 convolution (TensorFlow 2.21) gives an empty batch its input's
    # number of channels.
    bijector = case.bijector("float64")
    x, kwargs = case.inputs((0,), "float64")
    y = bijector.forward(x, **kwargs)
    assert y.shape == (0, *bijector.forward_event_shape(case.event_shape))
    assert bijector.inverse(broken(y), **kwargs).shape == x.shape


def test_event_ndims_above_the_minimum_sum_the_log_det(case):
    bijector = case.bijector("float64")
    x, kwargs = case.inputs((2, 3), "float64")
    each = full_log_det(bijector.forward_log_det_jacobian(x, **kwargs), [2, 3])
    more = bijector.forward_min_event_ndims + 1
    summed = bijector.forward_log_det_jacobian(x, event_ndims=more, **kwargs)
    np.testing.assert_allclose(full_log_det(summed, [2]), each.sum(1), atol=1e-12)
    y = broken(bijector.forward(x, **kwargs))
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


# Where it runs.


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


# Variables.


def test_gradients_reach_every_variable_through_log_prob(case):
    bijector = case.bijector("float64")
    x, kwargs = case.inputs(dtype="float64")
    event_shape = bijector.forward_event_shape(case.event_shape)
    base = tfd.Sample(tfd.Normal(tf.zeros([], tf.float64), 1.0), event_shape)
    distribution = tfd.TransformedDistribution(base, tfb.Invert(bijector))
    with tf.GradientTape() as tape:
        loss = -tf.reduce_sum(distribution.log_prob(x, bijector_kwargs=kwargs))
    variables = bijector.trainable_variables
    assert len(set(map(id, distribution.trainable_variables))) == len(variables)
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None, variable.name
        assert np.all(np.isfinite(gradient)), variable.name
        # The triangles of a 1x1 matrix have no entries.
        if variable.shape != (1, 1):
            assert np.any(gradient.numpy() != 0.0), variable.name


def test_gradients_reach_every_variable_through_samples(case):
    bijector = case.bijector("float64")
    x, kwargs = case.inputs(dtype="float64")
    y = tf.reshape(x, [x.shape[0], *bijector.forward_event_shape(case.event_shape)])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(bijector.inverse(y, **kwargs)))
    variables = bijector.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None and np.all(np.isfinite(gradient)), variable.name


def test_named_variables_are_all_variables_under_unique_names(case):
    bijector = case.bijector()
    named = bijector.named_variables
    assert set(map(id, named.values())) == set(map(id, bijector.variables))
    assert len(named) == len(bijector.variables)
    assert all(isinstance(variable, tf.Variable) for variable in named.values())


def test_names_do_not_depend_on_the_scope_of_construction(case):
    names = list(case.bijector().named_variables)
    with tf.name_scope("somewhere"):
        inside = list(case.bijector().named_variables)
    if not any("sequential" in name or "conv2d" in name for name in names):
        assert inside == names


def test_maps_change_no_variable(case):
    bijector = case.make(dtype=tf.float32, validate_args=False)  # As constructed.
    x, kwargs = case.inputs()
    before = [variable.numpy() for variable in bijector.variables]
    y = tf.reshape(x, [x.shape[0], *bijector.forward_event_shape(case.event_shape)])
    all_maps(bijector, 5.0 * x + 3.0, y, kwargs)
    base = tfd.Sample(tfd.Normal(0.0, 1.0), y.shape[1:])
    tfd.TransformedDistribution(base, tfb.Invert(bijector)).sample(3, bijector_kwargs=kwargs)
    after = [variable.numpy() for variable in bijector.variables]
    assert len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(new, old)


def test_initialize_sets_weights_and_returns_the_output(initialized_case, dtype):
    bijector = initialized_case.make(dtype=tf.as_dtype(dtype), validate_args=False)
    x, kwargs = initialized_case.inputs((16,), dtype)
    x = 3.0 * x + 2.0
    before = bijector.forward(x, **kwargs)
    y = bijector.initialize(x, **kwargs)
    assert relative_error(y, bijector.forward(broken(x), **kwargs)) < TOLERANCE[dtype]
    if not isinstance(bijector, tgb.AffineCoupling | tgb.AdditiveCoupling):
        # A coupling's network ends in zeros: what it normalises inside does not show.
        assert relative_error(y, before) > 0.1
    once = [variable.numpy() for variable in bijector.variables]
    bijector.initialize(x.numpy(), **kwargs)
    for old, new in zip(once, bijector.variables, strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-4, atol=1e-4)


def test_only_data_dependent_layers_initialize(case):
    assert hasattr(case.bijector(), "initialize") == case.initializes


def test_checkpoint_restores_the_function(case, tmp_path):
    bijector = case.bijector(seed=1)
    x, kwargs = case.inputs()
    path = tf.train.Checkpoint(bijector=bijector).write(str(tmp_path / "weights"))
    fresh = case.make(dtype=tf.float32, validate_args=False)
    for variable in fresh.variables:
        if variable.dtype.is_floating:
            variable.assign(tf.zeros_like(variable))
    tf.train.Checkpoint(bijector=fresh).read(path).assert_consumed()
    np.testing.assert_array_equal(fresh.forward(x, **kwargs), bijector.forward(broken(x), **kwargs))


# What is refused.


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
    plain, checked = case.bijector(), case.bijector(validate_args=True)
    for ours, theirs in zip(plain.variables, checked.variables, strict=True):
        theirs.assign(ours)
    y = plain.forward(x, **kwargs)
    expected = all_maps(plain, broken(x), broken(y), kwargs)
    for actual in (
        all_maps(checked, broken(x), broken(y), kwargs),
        tf.function(all_maps)(checked, x, y, kwargs),
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


# Identity.


def test_reconstruction_from_parameters(case):
    bijector = case.bijector()
    x, kwargs = case.inputs()
    copy = type(bijector)(**bijector.parameters)
    assert type(copy) is type(bijector)
    assert copy.parameters == bijector.parameters
    assert [v.shape for v in copy.variables] == [v.shape for v in bijector.variables]
    for ours, theirs in zip(bijector.variables, copy.variables, strict=True):
        theirs.assign(ours)
    np.testing.assert_array_equal(copy.forward(x, **kwargs), bijector.forward(broken(x), **kwargs))


def test_equality_and_hash_are_identity(case):
    bijector, twin = case.bijector(), case.bijector()
    assert bijector == bijector
    assert bijector != twin
    assert bijector != bijector.copy()
    assert len({bijector, twin, bijector}) == 2


def test_name_and_defaults(case):
    bijector = case.make(dtype=tf.float32, validate_args=False)
    renamed = bijector.copy(name="renamed")
    assert renamed.name == "renamed"
    assert type(bijector).__name__.lower() == bijector.name.replace("_", "")
    assert "renamed" in repr(renamed)
