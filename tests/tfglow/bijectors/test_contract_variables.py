"""What every bijector of tfglow promises of its variables."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.tfglow.bijectors.contract import TOLERANCE, all_maps, relative_error
from tfglow import bijectors as tgb

pytestmark = pytest.mark.slow

tfb = tfp.bijectors
tfd = tfp.distributions


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
        inside = list(case.fresh().named_variables)
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
    assert relative_error(y, bijector.forward(x, **kwargs)) < TOLERANCE[dtype]
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
    bijector = case.bijector()
    x, kwargs = case.inputs()
    path = tf.train.Checkpoint(bijector=bijector).write(str(tmp_path / "weights"))
    fresh = case.make(dtype=tf.float32, validate_args=False)
    for variable in fresh.variables:
        if variable.dtype.is_floating:
            variable.assign(tf.zeros_like(variable))
    tf.train.Checkpoint(bijector=fresh).read(path).assert_consumed()
    np.testing.assert_array_equal(fresh.forward(x, **kwargs), bijector.forward(x, **kwargs))


def test_reconstruction_from_parameters(case):
    bijector = case.bijector()
    x, kwargs = case.inputs()
    copy = type(bijector)(**bijector.parameters)
    assert type(copy) is type(bijector)
    assert copy.parameters == bijector.parameters
    assert [v.shape for v in copy.variables] == [v.shape for v in bijector.variables]
    for ours, theirs in zip(bijector.variables, copy.variables, strict=True):
        theirs.assign(ours)
    np.testing.assert_array_equal(copy.forward(x, **kwargs), bijector.forward(x, **kwargs))


def test_equality_and_hash_are_identity(case):
    bijector, twin = case.bijector(), case.fresh()
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
