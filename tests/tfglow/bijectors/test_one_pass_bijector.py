"""A direction's value and log-det come from one pass, and nothing is ever stale."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.tfglow.bijectors.contract import CASES, Counting
from tfglow import bijectors as tgb

tfb = tfp.bijectors
tfd = tfp.distributions


@pytest.fixture(name="x")
def _x():
    return tf.constant(np.random.default_rng(0).normal(size=[2, 2, 2, 3]), tf.float32)


def distribution_of(bijector):
    """TFP's own, which asks for values and log-dets apart."""
    base = tfd.Sample(tfd.Normal(0.0, 1.0), [2, 2, 3])
    return tfd.TransformedDistribution(base, tfb.Invert(bijector))


@pytest.mark.parametrize("traced", [False, True])
def test_value_and_log_det_take_one_pass(x, traced):
    bijector = Counting()
    wrap = tf.function if traced else lambda function: function
    y, log_det = wrap(bijector.forward_and_log_det)(x)
    back, back_log_det = wrap(bijector.inverse_and_log_det)(y)
    assert bijector.passes == ["forward", "inverse"]
    np.testing.assert_allclose(back, x, rtol=1e-6)
    np.testing.assert_array_equal(back_log_det, -log_det)


@pytest.mark.parametrize("traced", [False, True])
def test_a_likelihood_of_tfps_own_takes_no_more_than_two_passes(x, traced):
    bijector = Counting()
    log_prob = distribution_of(bijector).log_prob
    (tf.function(log_prob) if traced else log_prob)(x)
    assert len(bijector.passes) == 2


def test_two_instances_of_one_size_are_not_taken_for_each_other(x):
    first, second = tgb.ActNorm(3), tgb.ActNorm(3)
    second.logs.assign([1.0, 1.0, 1.0])
    y = first.forward(x)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_allclose(second.forward(x), x * np.exp(3.0), rtol=1e-6)
    np.testing.assert_allclose(second.forward_log_det_jacobian(x), 4 * 9.0)
    assert first.forward_log_det_jacobian(x) == 0.0


def test_eager_steps_on_the_same_batch_see_changed_variables(x):
    bijector = Counting()
    log_prob = distribution_of(bijector).log_prob
    for _ in range(4):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(log_prob(x))
        a = bijector.a.numpy()
        squares = np.sum(np.square(x), axis=(1, 2, 3)).mean()
        expected = 0.5 * np.exp(2 * a) * squares + 6 * np.log(2 * np.pi) - 12 * a
        np.testing.assert_allclose(loss, expected, rtol=1e-5)
        gradient = tape.gradient(loss, bijector.a)
        np.testing.assert_allclose(gradient, np.exp(2 * a) * squares - 12, rtol=1e-4)
        bijector.a.assign_sub(0.01 * gradient)


def test_eager_steps_that_keep_their_latents(x):
    bijector = Counting()
    latents = []
    for step in range(3):
        bijector.a.assign(0.1 * step)
        with tf.GradientTape() as tape:
            latents.append(bijector.forward(x))
            loss = tf.reduce_sum(latents[-1]) - bijector.forward_log_det_jacobian(x)[0]
        np.testing.assert_allclose(latents[-1], x * np.exp(0.1 * step), rtol=1e-5)
        expected = np.sum(x * np.exp(0.1 * step)) - 12
        np.testing.assert_allclose(tape.gradient(loss, bijector.a), expected, rtol=1e-4)


def test_log_prob_under_a_tape_of_a_sample_drawn_before_it():
    """Fitting a model to its own samples: TFP's cache answered with the latents, no gradient."""
    bijector = Counting()
    distribution = distribution_of(bijector)
    sample = distribution.sample(2, seed=1)
    for run in (lambda f: f(), lambda f: tf.function(f)()):

        def step():
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(distribution.log_prob(sample))
            return tape.gradient(loss, bijector.a)

        squares = np.sum(np.square(sample), axis=(1, 2, 3)).mean()
        np.testing.assert_allclose(run(step), np.exp(1.0) * squares - 12, rtol=1e-4)


def test_sampled_and_scored_under_one_tape():
    """The reparameterised gradient: log p(f⁻¹(ε)) = log N(ε) + a·D, so D."""
    bijector = Counting()
    distribution = distribution_of(bijector)
    with tf.GradientTape() as tape:
        log_prob = tf.reduce_mean(distribution.log_prob(distribution.sample(2)))
    np.testing.assert_allclose(tape.gradient(log_prob, bijector.a), 12.0, rtol=1e-5)


def test_values_without_a_tape_see_changed_variables(x):
    bijector = Counting()
    before = bijector.forward(x)
    bijector.a.assign(0.25)
    after = bijector.forward(x)
    np.testing.assert_allclose(after, x * np.exp(0.25), rtol=1e-6)
    np.testing.assert_allclose(before, x * np.exp(0.5), rtol=1e-6)
    # Of whichever value: nothing remembers what it was computed with.
    np.testing.assert_allclose(bijector.inverse(before), x * np.exp(0.25), rtol=1e-6)
    np.testing.assert_allclose(bijector.inverse_log_det_jacobian(before), -3.0)
    np.testing.assert_allclose(bijector.inverse_log_det_jacobian(after), -3.0)
    np.testing.assert_allclose(bijector.forward_log_det_jacobian(x), 3.0)


def test_frozen_under_a_tape(x):
    bijector = Counting()
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = bijector.forward(x)
        log_det = bijector.forward_log_det_jacobian(x)
    assert tape.gradient(log_det, x) is None
    with tf.GradientTape(watch_accessed_variables=False):
        np.testing.assert_array_equal(bijector.forward(x), y)
        np.testing.assert_array_equal(bijector.forward_log_det_jacobian(x), log_det)
        np.testing.assert_array_equal(bijector.inverse_log_det_jacobian(y), -log_det)


def test_gradient_of_the_input_with_a_value_from_before(x):
    bijector = Counting()
    before = bijector.forward(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = bijector.forward(x)
    np.testing.assert_allclose(tape.gradient(y, x), np.full(x.shape, np.exp(0.5)), rtol=1e-6)
    np.testing.assert_array_equal(y, before)


def test_log_det_alone_sees_changed_variables(x):
    bijector = Counting()
    for a in (0.1, 0.2, 0.3):
        bijector.a.assign(a)
        np.testing.assert_allclose(bijector.forward_log_det_jacobian(x), 12 * a, rtol=1e-6)
        np.testing.assert_allclose(bijector.inverse_log_det_jacobian(x), -12 * a, rtol=1e-6)


def test_value_and_log_det_never_come_from_different_variables(x):
    bijector = Counting()
    bijector.a.assign(0.1)
    bijector.forward_log_det_jacobian(x)
    bijector.a.assign(0.2)
    y = bijector.forward(x)
    log_det = bijector.forward_log_det_jacobian(x)
    np.testing.assert_allclose(y, x * np.exp(0.2), rtol=1e-6)
    np.testing.assert_allclose(log_det, 12 * 0.2, rtol=1e-6)


def test_a_tensor_captured_by_two_functions(x):
    bijector = Counting()

    @tf.function
    def first():
        return bijector.forward(x), bijector.forward_log_det_jacobian(x)

    @tf.function
    def second():
        return bijector.forward_log_det_jacobian(x), bijector.forward(x)

    y, log_det = first()
    log_det_2, y_2 = second()
    y_3, log_det_3 = bijector.forward(x), bijector.forward_log_det_jacobian(x)
    np.testing.assert_allclose([log_det_2, log_det_3], [log_det, log_det])
    np.testing.assert_allclose(y_2, y)
    np.testing.assert_allclose(y_3, y)
    bijector.a.assign(0.0)
    np.testing.assert_allclose(first()[0], x)
    np.testing.assert_allclose(second()[1], x)


def test_a_tensor_captured_by_branches_and_loops(x):
    bijector = Counting()

    @tf.function
    def run(x, flag):
        y = tf.cond(flag, lambda: bijector.forward(x), lambda: bijector.inverse(x))
        z = bijector.forward(x)
        total = tf.constant(0.0)
        for _ in tf.range(3):
            total += bijector.forward_log_det_jacobian(x)[0]
        return y, z, total

    y, z, total = run(x, tf.constant(False))
    np.testing.assert_allclose(y, x * np.exp(-0.5), rtol=1e-6)
    np.testing.assert_allclose(z, x * np.exp(0.5), rtol=1e-6)
    np.testing.assert_allclose(total, 18.0, rtol=1e-6)


@pytest.mark.slow
def test_the_same_tensor_given_to_both_replicas_trains():
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    with strategy.scope():
        bijector = CASES["glow_additive_full"].fresh()
    image, _ = CASES["glow_additive_full"].inputs()
    base = tfd.Sample(tfd.Normal(0.0, 1.0), [8])

    def step():
        distribution = tfd.TransformedDistribution(base, tfb.Invert(bijector))
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(distribution.log_prob(image))
        gradients = tape.gradient(loss, bijector.trainable_variables)
        assert all(gradient is not None for gradient in gradients)
        return loss, [tf.reduce_sum(gradient**2) for gradient in gradients]

    one_loss, one_norms = step()
    for run in (strategy.run, tf.function(strategy.run)):
        loss, norms = run(step)
        np.testing.assert_allclose(
            strategy.experimental_local_results(loss), [one_loss] * 2, rtol=1e-5
        )
        for norm, expected in zip(norms, one_norms, strict=True):
            results = strategy.experimental_local_results(norm)
            np.testing.assert_allclose(results, [expected] * 2, rtol=1e-3, atol=1e-6)


def test_labels_are_not_taken_for_each_other():
    bijector = CASES["top_labels"].bijector()
    x, _ = CASES["top_labels"].inputs((1,))
    first = bijector.forward(x, labels=tf.constant([0]))
    second = bijector.forward(x, labels=tf.constant([1]))
    assert np.max(np.abs(first - second)) > 1e-3
    third = bijector.forward(x, labels=tf.constant([0]))
    np.testing.assert_array_equal(third, first)


@pytest.mark.parametrize("num_channels", [0, -1, 2.5, "3", True, None])
def test_num_channels_must_be_a_positive_integer(num_channels):
    with pytest.raises(ValueError, match=f"`num_channels`.*positive integer, got {num_channels!r}"):
        tgb.ActNorm(num_channels)


def test_a_bijector_without_both_maps_cannot_be_made():
    class Half(tgb.OnePassBijector):
        def _forward_and_log_det(self, x):
            return x, tf.zeros([])

    with pytest.raises(TypeError, match="abstract"):
        Half(parameters={}, dtype=tf.float32, validate_args=False, name="half")
