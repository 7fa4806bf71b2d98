"""Likelihoods from one pass are TFP's own, number for number."""

import copy
import functools
import pickle

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.random_glow import randomize
from tests.tfglow.bijectors.contract import CASES, Counting
from tfglow import GlowConfig
from tfglow import bijectors as tgb
from tfglow.flow_distribution import FlowDistribution, forward_and_log_det, inverse_and_log_det

pytestmark = pytest.mark.slow

tfb = tfp.bijectors
tfd = tfp.distributions


@pytest.fixture(name="x")
def _x():
    return tf.constant(np.random.default_rng(0).normal(size=[2, 2, 2, 3]), tf.float32)


def base_of(event_shape=(2, 2, 3), dtype=tf.float32):
    return tfd.Sample(tfd.Normal(tf.zeros([], dtype), 1.0), event_shape)


def around(bijector):
    """A user's chain around `bijector`, from latents to data: exp(f⁻¹(2 z))."""
    return tfb.Chain([tfb.Exp(), tfb.Invert(bijector), tfb.Scale(2.0)])


def wrapped(how, function):
    """`function`, called eagerly, in a graph or under a tape."""

    def under_a_tape(*args):
        with tf.GradientTape():
            return function(*args)

    return {"eager": function, "traced": tf.function(function), "tape": under_a_tape}[how]


HOW = pytest.mark.parametrize("how", ["eager", "traced", "tape"])


@HOW
def test_log_prob_takes_one_pass(x, how):
    bijector = Counting()
    for flow, data, expected in (
        (tfb.Invert(bijector), x, "forward"),
        (bijector, x, "inverse"),
        (tfb.Invert(tfb.Invert(bijector)), x, "inverse"),
        (around(bijector), tf.exp(x), "forward"),
        (tfb.Chain([tfb.Chain([tfb.Invert(bijector)])]), x, "forward"),
        (tfb.Invert(tfb.Chain([tfb.Scale(2.0), bijector])), x, "forward"),
    ):
        bijector.passes.clear()
        distribution = FlowDistribution(base_of(), flow)
        log_prob = wrapped(how, distribution.log_prob)(data)
        assert bijector.passes == [expected]
        plain = tfd.TransformedDistribution(base_of(), flow)
        np.testing.assert_allclose(log_prob, plain.log_prob(data), rtol=1e-5)


@HOW
def test_sample_and_log_prob_take_one_pass(how):
    bijector, seed = Counting(), [1, 2]
    for flow, expected in (
        (tfb.Invert(bijector), "inverse"),
        (bijector, "forward"),
        (around(bijector), "inverse"),
    ):
        bijector.passes.clear()
        distribution = FlowDistribution(base_of(), flow)
        run = wrapped(how, lambda d=distribution: d.experimental_sample_and_log_prob(5, seed=seed))
        sample, log_prob = run()
        assert bijector.passes == [expected]
        assert sample.shape == (5, 2, 2, 3) and log_prob.shape == (5,)
        plain = tfd.TransformedDistribution(base_of(), flow)
        np.testing.assert_allclose(log_prob, plain.log_prob(sample), rtol=1e-4)
        np.testing.assert_allclose(sample, distribution.sample(5, seed=seed), rtol=1e-5)


def test_log_prob_of_two_flows_in_a_chain_takes_one_pass_of_each(x):
    first, second = Counting(name="first"), Counting(name="second")
    second.a.assign(0.25)
    distribution = FlowDistribution(base_of(), tfb.Invert(tfb.Chain([second, first])))
    log_prob = distribution.log_prob(x)
    assert first.passes == second.passes == ["forward"]
    y = x.numpy() * np.exp(0.75)
    expected = np.sum(-0.5 * y**2 - 0.5 * np.log(2 * np.pi), (1, 2, 3)) + 12 * 0.75
    np.testing.assert_allclose(log_prob, expected, rtol=1e-5)


def test_a_changed_variable_shows_everywhere(x):
    bijector = Counting()
    distribution = FlowDistribution(base_of(), tfb.Invert(bijector))
    sample = distribution.sample(2, seed=1)
    traced = tf.function(distribution.log_prob)
    for a in (0.1, 0.7):
        bijector.a.assign(a)
        for data in (x, sample):
            y = data.numpy() * np.exp(a)
            expected = np.sum(-0.5 * y**2 - 0.5 * np.log(2 * np.pi), (1, 2, 3)) + 12 * a
            np.testing.assert_allclose(distribution.log_prob(data), expected, rtol=1e-5)
            np.testing.assert_allclose(traced(data), expected, rtol=1e-5)


def test_gradients_are_those_of_tfps_own(x):
    bijector = CASES["actnorm"].fresh()
    x = tf.concat([x, x[..., :1]], -1)
    gradients = []
    for kind in (FlowDistribution, tfd.TransformedDistribution):
        distribution = kind(base_of((2, 2, 4)), around(bijector))
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(distribution.log_prob(tf.exp(x)))
        gradients.append(tape.gradient(loss, distribution.trainable_variables))
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_gradient_of_a_sample_that_is_scored_under_one_tape():
    """The reparameterised gradient: log p(f⁻¹(ε)) = log N(ε) + a·D, so D."""
    bijector = Counting()
    distribution = FlowDistribution(base_of(), tfb.Invert(bijector))
    with tf.GradientTape() as tape:
        log_prob = tf.reduce_mean(distribution.log_prob(distribution.sample(2)))
    np.testing.assert_allclose(tape.gradient(log_prob, bijector.a), 12.0, rtol=1e-5)
    with tf.GradientTape() as tape:
        _, log_prob = distribution.experimental_sample_and_log_prob(2)
        log_prob = tf.reduce_mean(log_prob)
    np.testing.assert_allclose(tape.gradient(log_prob, bijector.a), 12.0, rtol=1e-5)


@pytest.mark.parametrize("sample_shape", [(), (4,), (2, 3), (0,)])
def test_events_of_more_dimensions_than_the_bijectors(sample_shape):
    """Five images as one event: their log-dets are summed, also where they are all the same."""
    for name in ("actnorm", "affine", "additive"):
        bijector = CASES[name].bijector("float64")
        distributions = [
            kind(base_of((5, 2, 3, 4), tf.float64), tfb.Invert(bijector))
            for kind in (FlowDistribution, tfd.TransformedDistribution)
        ]
        ours, theirs = distributions
        assert ours.event_shape == (5, 2, 3, 4)
        sample, log_prob = ours.experimental_sample_and_log_prob(sample_shape, seed=1)
        assert log_prob.shape == sample_shape
        np.testing.assert_allclose(log_prob, theirs.log_prob(sample), rtol=1e-10)
        np.testing.assert_allclose(ours.log_prob(sample), theirs.log_prob(sample), rtol=1e-10)


def test_a_batch_of_distributions(x):
    base = tfd.Independent(tfd.Normal(tf.zeros([3, 1, 2, 2, 3]), 1.0), 3)
    bijector = Counting()
    ours = FlowDistribution(base, tfb.Invert(bijector))
    theirs = tfd.TransformedDistribution(base, tfb.Invert(bijector))
    assert ours.batch_shape == (3, 1)
    assert ours.log_prob(x).shape == (3, 2)
    np.testing.assert_allclose(ours.log_prob(x), theirs.log_prob(x), rtol=1e-5)
    sample, log_prob = ours.experimental_sample_and_log_prob(4, seed=1)
    assert sample.shape == (4, 3, 1, 2, 2, 3)
    np.testing.assert_allclose(log_prob, theirs.log_prob(sample), rtol=1e-4)


def test_arguments_of_the_maps_and_of_the_base():
    bijector = CASES["top_labels"].bijector("float64")
    x, kwargs = CASES["top_labels"].inputs(dtype="float64")
    ours, theirs = (
        kind(base_of((2, 2, 4), tf.float64), tfb.Invert(bijector))
        for kind in (FlowDistribution, tfd.TransformedDistribution)
    )
    expected = theirs.log_prob(x, bijector_kwargs=kwargs)
    np.testing.assert_allclose(ours.log_prob(x, bijector_kwargs=kwargs), expected, rtol=1e-12)
    sample, log_prob = ours.experimental_sample_and_log_prob(3, seed=1, bijector_kwargs=kwargs)
    expected = theirs.log_prob(sample, bijector_kwargs=kwargs)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-10)
    with pytest.raises(ValueError, match="needs `labels`"):
        ours.log_prob(x)


@pytest.mark.parametrize("inverted", [False, True])
def test_arguments_by_the_names_of_a_chains_parts(inverted):
    bijector = CASES["top_labels"].bijector("float64")
    x, kwargs = CASES["top_labels"].inputs(dtype="float64")
    part = tfb.Invert(bijector) if inverted else bijector
    chain = tfb.Chain([tfb.Scale(tf.constant(2.0, tf.float64)), part])
    kwargs = {part.name: kwargs}
    y, log_det = forward_and_log_det(chain, x, 3, kwargs)
    np.testing.assert_allclose(y, chain.forward(x, **kwargs), rtol=1e-12)
    expected = chain.forward_log_det_jacobian(x, event_ndims=3, **kwargs)
    np.testing.assert_allclose(log_det, expected, rtol=1e-12)
    back, log_det = inverse_and_log_det(chain, y, 3, kwargs)
    np.testing.assert_allclose(back, x, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(log_det, -expected, rtol=1e-10)


@functools.cache
def flow_of_one_level():
    fields = {"levels": 1, "steps": 1, "width": 8, "precision": "float64"}
    flow = tgb.GlowFlow(GlowConfig(image_shape=(4, 4, 3), **fields))
    randomize(flow)
    return flow


@pytest.mark.parametrize("batch_shape", [(), (3,), (2, 3)])
def test_any_bijector_of_a_chain_that_changes_the_events_shape(batch_shape):
    chain = tfb.Chain(
        [
            tfb.Reshape([16, 3], [48]),
            flow_of_one_level(),
            tfb.Reshape([4, 4, 3], [48]),
            tfb.Scale(tf.constant(0.5, tf.float64)),
        ]
    )
    x = tf.constant(np.random.default_rng(1).normal(size=[*batch_shape, 48]))
    y, log_det = forward_and_log_det(chain, x, 1)
    np.testing.assert_allclose(y, chain.forward(x), rtol=1e-10)
    expected = chain.forward_log_det_jacobian(x, event_ndims=1)
    assert y.shape == (*batch_shape, 16, 3)
    np.testing.assert_allclose(log_det, expected, rtol=1e-10)
    back, log_det = inverse_and_log_det(chain, y, 2)
    np.testing.assert_allclose(back, x, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(log_det, -expected, rtol=1e-10)


def test_moments_of_a_map_that_is_not_affine_are_refused():
    """TFP computes them through the map alone, where that says its Jacobian is constant."""
    for name in ("additive", "step_additive", "steps_additive_shuffle"):
        case = CASES[name]
        for kind in (FlowDistribution, tfd.TransformedDistribution):
            distribution = kind(base_of(case.event_shape), tfb.Invert(case.bijector()))
            for moment in (distribution.mean, distribution.mode, distribution.covariance):
                with pytest.raises(NotImplementedError):
                    moment()
    affine = FlowDistribution(base_of((2, 2, 4)), tfb.Invert(CASES["actnorm"].bijector()))
    b = tf.broadcast_to(CASES["actnorm"].bijector().b, [2, 2, 4])
    np.testing.assert_allclose(affine.mean(), -b, rtol=1e-5)


TFP_BIJECTORS = {
    "scale": lambda v: tfb.Scale(v),
    "diagonal": lambda v: tfb.ScaleMatvecDiag(tf.repeat(v, 3)),
    "power": lambda v: tfb.Chain([tfb.Exp(), tfb.Scale(v), tfb.Log(), tfb.Exp()]),
    "softplus": lambda v: tfb.Softplus(hinge_softness=v),
    "sinh_arcsinh": lambda v: tfb.SinhArcsinh(skewness=v),
}


@pytest.mark.parametrize("name", TFP_BIJECTORS)
@pytest.mark.parametrize("held", [False, True])
def test_tfps_own_bijectors_in_a_chain_are_never_stale(name, held):
    """TFP's cache answers with what a variable was, for as long as a tensor is alive."""
    variable = tf.Variable(1.5)
    layer = tgb.ActNorm(3)
    base = tfd.Sample(tfd.Normal(0.0, 1.0), [2, 2, 3])

    def distribution():
        # Where a bijector takes values and no variable, it is made anew: the reference.
        part = TFP_BIJECTORS[name](variable)
        return FlowDistribution(base, tfb.Chain([part, layer]))

    model = distribution()
    x = tf.constant(np.random.default_rng(0).uniform(0.5, 2.0, [4, 2, 2, 3]), tf.float32)
    kept = [model.bijector.inverse(x), model.log_prob(x)] if held else []
    model.log_prob(x)
    variable.assign(2.5)
    layer.b.assign([0.5, 0.5, 0.5])
    if name == "diagonal":  # It took the values that it was made with.
        model = distribution()
    np.testing.assert_array_equal(model.log_prob(x), model.log_prob(tf.constant(x.numpy())))
    np.testing.assert_allclose(model.log_prob(x), distribution().log_prob(x.numpy()), rtol=1e-5)
    del kept


def test_a_base_of_too_few_dimensions_is_refused():
    model = FlowDistribution(tfd.Normal(tf.zeros([2, 2, 3]), 1.0), tfb.Invert(tgb.ActNorm(3)))
    with pytest.raises(ValueError, match=r"at least 3 dimensions.*got 0"):
        model.log_prob(tf.zeros([2, 2, 3]))


def test_events_of_several_parts_are_tfps_own():
    base = tfd.JointDistributionSequential([tfd.Normal(0.0, 1.0), tfd.Normal(1.0, 2.0)])
    bijector = tfb.JointMap([tfb.Exp(), tfb.Scale(2.0)])
    values = [tf.constant(0.5), tf.constant(-1.0)]
    expected = tfd.TransformedDistribution(base, bijector).log_prob(values)
    np.testing.assert_allclose(FlowDistribution(base, bijector).log_prob(values), expected)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_a_copy_has_its_own_variables(x, duplicate):
    layer = tgb.ActNorm(3)
    layer.logs.assign([0.1, 0.2, 0.3])
    distribution = FlowDistribution(base_of(), around(layer), name="mine")
    y = tf.exp(x)
    expected = distribution.log_prob(y)
    twin = duplicate(distribution)
    assert type(twin) is FlowDistribution and twin.name == "mine"
    np.testing.assert_array_equal(twin.log_prob(y), expected)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(twin.log_prob(y))
    assert len(twin.trainable_variables) == 2
    assert None not in tape.gradient(loss, twin.trainable_variables)
    layer.logs.assign(tf.zeros([3]))
    np.testing.assert_array_equal(twin.log_prob(y), expected)
