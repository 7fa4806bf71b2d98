"""The model: likelihoods, latents, samples and their agreement with the flow."""

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfglow
from tests.bijectors.contract import randomize
from tfglow import likelihood
from tfglow.networks import CouplingNetwork

tfb = tfp.bijectors
tfd = tfp.distributions

CONFIG = tfglow.GlowConfig(image_shape=(8, 8, 3), levels=2, steps=2, width=8, seed=1)
CONDITIONAL = dataclasses.replace(CONFIG, num_classes=5, weight_y=0.25)
NUM_DIMS = 8 * 8 * 3


def make_glow(config=CONFIG, **fields):
    """A model whose weights are all random: none zero, nothing the identity."""
    glow = tfglow.Glow(dataclasses.replace(config, **fields))
    randomize(glow.flow)
    if glow.classifier is not None:
        rng = np.random.default_rng(1)
        glow.classifier.set_weights([rng.normal(size=w.shape) for w in glow.classifier.weights])
    return glow


@pytest.fixture(name="glow")
def _glow():
    return make_glow()


@pytest.fixture(name="conditional")
def _conditional():
    return make_glow(CONDITIONAL)


@pytest.fixture(name="images")
def _images():
    return np.random.default_rng(0).integers(256, size=[4, 8, 8, 3], dtype=np.uint8)


@pytest.fixture(name="labels")
def _labels():
    return np.array([0, 4, 2, 2])


@pytest.fixture(name="noise")
def _noise():
    return np.random.default_rng(2).uniform(size=[4, 8, 8, 3]).astype(np.float32)


# Likelihoods.


@pytest.mark.parametrize("num_bits", [8, 5, 1])
def test_log_prob_is_that_of_the_distribution_less_the_bins(images, noise, num_bits):
    glow = make_glow(num_bits=num_bits)
    x = likelihood.dequantize(images, num_bits, noise)
    expected = glow.distribution.log_prob(x) - NUM_DIMS * num_bits * math.log(2)
    log_prob = glow.log_prob(images, noise=noise)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-5)
    bits = glow.bits_per_dim(images, noise=noise)
    np.testing.assert_allclose(bits, -log_prob / (NUM_DIMS * math.log(2)), rtol=1e-6)
    assert log_prob.shape == bits.shape == (4,)


def test_distribution_is_the_base_and_the_log_det(glow, noise):
    z, log_det = glow.flow.forward_and_log_det(noise - 0.5)
    gaussian = tfd.MultivariateNormalDiag(tf.zeros([NUM_DIMS])).log_prob(z)
    np.testing.assert_allclose(
        glow.distribution.log_prob(noise - 0.5), gaussian + log_det, rtol=1e-5
    )


def test_noise_is_drawn_where_none_is_given(glow, images):
    first, second = glow.log_prob(images), glow.log_prob(images)
    assert np.all(first != second)
    traced = tf.function(glow.log_prob)
    assert np.all(traced(images) != traced(images))


def test_noise_fixes_the_result(glow, images, noise):
    np.testing.assert_array_equal(
        glow.log_prob(images, noise=noise), glow.log_prob(images, noise=noise)
    )
    objective = glow.objective(images, noise=noise)
    assert set(objective) == {"loss", "bits_per_dim"}
    np.testing.assert_array_equal(objective["loss"], glow.bits_per_dim(images, noise=noise))


def test_rows_do_not_depend_on_their_batch(glow, images, noise):
    together = glow.log_prob(images, noise=noise)
    alone = [glow.log_prob(images[i : i + 1], noise=noise[i : i + 1])[0] for i in range(4)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_traced_for_any_batch_size(glow, images, noise, jit_compile):
    @tf.function(
        jit_compile=jit_compile,
        input_signature=[
            tf.TensorSpec([None, 8, 8, 3], tf.uint8),
            tf.TensorSpec([None, 8, 8, 3], tf.float32),
        ],
    )
    def log_prob(images, noise):
        return glow.log_prob(images, noise=noise)

    expected = glow.log_prob(images, noise=noise)
    np.testing.assert_allclose(log_prob(images, noise), expected, rtol=1e-5)
    np.testing.assert_allclose(log_prob(images[:1], noise[:1]), expected[:1], rtol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "float64", "mixed_bfloat16"])
def test_precisions(images, noise, precision):
    glow, reference = make_glow(precision=precision), make_glow(precision="float64")
    for ours, theirs in zip(glow.flow.variables, reference.flow.variables, strict=True):
        ours.assign(tf.cast(theirs, ours.dtype))
    dtype = "float64" if precision == "float64" else "float32"
    log_prob = glow.log_prob(images, noise=noise)
    assert log_prob.dtype == glow.encode(images).dtype == glow.distribution.dtype == dtype
    assert all(v.dtype == dtype for v in glow.flow.variables)
    tolerance = {"float32": 1e-5, "float64": 1e-12, "mixed_bfloat16": 1e-2}[precision]
    expected = reference.log_prob(images, noise=noise)
    np.testing.assert_allclose(log_prob, expected, rtol=tolerance)


def test_keras_global_settings_do_not_matter(images, noise):
    expected = make_glow().log_prob(images, noise=noise)
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    try:
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("mixed_float16")
        log_prob = make_glow().log_prob(images, noise=noise)
    finally:
        keras.config.set_dtype_policy(policy)
        keras.config.set_floatx(floatx)
    assert log_prob.dtype == tf.float32
    np.testing.assert_allclose(log_prob, expected, rtol=1e-6)


@pytest.mark.parametrize("image_shape", [(4, 8, 1), (8, 4, 2), (4, 4, 5)])
def test_any_shape_of_image(image_shape):
    glow = make_glow(image_shape=image_shape)
    images = np.random.default_rng(0).integers(256, size=[3, *image_shape], dtype=np.uint8)
    assert glow.log_prob(images).shape == (3,)
    np.testing.assert_array_equal(glow.decode(glow.encode(images)), images)


# One pass.


@pytest.fixture(name="calls")
def _calls(monkeypatch):
    """Grows by the name of a coupling network whenever one runs, also inside a graph."""
    calls = []
    plain_call = CouplingNetwork.call

    def counted_call(self, x):
        count = tf.numpy_function(lambda: calls.append(self.name) or np.int64(0), [], tf.int64)
        with tf.control_dependencies([count]):
            x = tf.identity(x)
        return plain_call(self, x)

    monkeypatch.setattr(CouplingNetwork, "call", counted_call)
    return calls


@pytest.mark.parametrize("mode", ["eager", "traced", "unknown batch"])
@pytest.mark.parametrize("gradient", [False, True])
def test_log_prob_runs_every_coupling_network_once(calls, mode, gradient):
    glow = make_glow(steps=3)
    x = tf.random.stateless_uniform([2, 8, 8, 3], [1, 2], -0.5, 0.5)

    def log_prob(x):
        if not gradient:
            return glow.distribution.log_prob(x)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(glow.distribution.log_prob(x))
        gradients = tape.gradient(loss, glow.distribution.trainable_variables)
        assert all(g is not None for g in gradients)
        return loss, gradients

    if mode != "eager":
        signature = [tf.TensorSpec([None, 8, 8, 3])] if mode == "unknown batch" else None
        log_prob = tf.function(log_prob, input_signature=signature)
    log_prob(x)
    assert len(calls) == 2 * 3
    if mode == "eager":
        assert len(set(calls)) == 2 * 3
    log_prob(x)
    assert len(calls) == 2 * 2 * 3


@pytest.mark.parametrize("traced", [False, True])
def test_methods_run_every_coupling_network_once(calls, images, traced):
    glow = make_glow()
    wrap = tf.function if traced else lambda function: function
    for method, argument in (
        (glow.log_prob, images),
        (glow.bits_per_dim, images),
        (lambda images: glow.objective(images)["loss"], images),
        (glow.encode, images),
        (glow.decode, tf.zeros([2, NUM_DIMS])),
        (lambda seed: glow.sample(2, seed=seed), 3),
        (lambda seed: glow.distribution.sample(2, seed=[seed, 1]), 3),
        (lambda seed: glow.distribution.experimental_sample_and_log_prob(2, seed=[seed, 1]), 3),
    ):
        calls.clear()
        wrap(method)(argument)
        assert len(calls) == 2 * 2


# The distribution.


def test_distribution_is_tfps(glow):
    distribution = glow.distribution
    assert type(distribution) is type(tfd.TransformedDistribution(tfd.Normal(0.0, 1.0), glow.flow))
    assert distribution.bijector.bijector is glow.flow
    assert distribution.event_shape == (8, 8, 3) and distribution.batch_shape == ()
    assert distribution.distribution.event_shape == (NUM_DIMS,)
    shown = {id(v) for v in distribution.trainable_variables}
    assert shown == {id(v) for v in glow.flow.trainable_variables}


@pytest.mark.parametrize("sample_shape", [(), (2,), (2, 3)])
def test_distribution_samples_of_any_shape(glow, sample_shape):
    sample = glow.distribution.sample(sample_shape, seed=1)
    assert sample.shape == (*sample_shape, 8, 8, 3)
    log_prob = glow.distribution.log_prob(tf.identity(sample))
    assert log_prob.shape == sample_shape
    flat = tf.reshape(sample, [-1, 8, 8, 3])
    np.testing.assert_allclose(
        tf.reshape(log_prob, [-1]), glow.distribution.log_prob(flat), rtol=1e-4
    )


def test_distribution_with_labels(conditional, labels):
    kwargs = {"bijector_kwargs": {"labels": labels}}
    sample = conditional.distribution.sample(4, seed=1, **kwargs)
    log_prob = conditional.distribution.log_prob(sample, **kwargs)
    for i, label in enumerate(labels):
        alone = conditional.distribution.log_prob(
            tf.identity(sample[i]), bijector_kwargs={"labels": label}
        )
        np.testing.assert_allclose(alone, log_prob[i], rtol=1e-4)
    with pytest.raises(ValueError, match="conditional on 5 classes and needs `labels`"):
        conditional.distribution.log_prob(sample)


def test_labels_through_a_chain(conditional, noise, labels):
    chain = tfb.Chain([tfb.Scale(2.0), conditional.flow])
    kwargs = {"glow_flow": {"labels": labels}}
    z = conditional.flow.forward(noise, labels=labels)
    np.testing.assert_allclose(chain.forward(noise, **kwargs), 2.0 * z, rtol=1e-5, atol=1e-6)
    expected = conditional.flow.forward_log_det_jacobian(noise, labels=labels)
    log_det = chain.forward_log_det_jacobian(noise, event_ndims=3, **kwargs)
    np.testing.assert_allclose(log_det, expected + NUM_DIMS * np.log(2.0), rtol=1e-5)


# Latents.


@pytest.mark.parametrize("precision", ["float32", "float64", "mixed_bfloat16"])
@pytest.mark.parametrize("num_bits", [8, 5])
def test_decode_undoes_encode(images, precision, num_bits):
    glow = make_glow(precision=precision, num_bits=num_bits)
    latents = glow.encode(images)
    assert latents.shape == (4, NUM_DIMS)
    kept = images // 2 ** (8 - num_bits) * 2 ** (8 - num_bits)
    decoded = glow.decode(latents)
    assert decoded.dtype == tf.uint8
    np.testing.assert_array_equal(decoded, kept)
    x = likelihood.dequantize(images, num_bits, 0.5, glow.config.dtype)
    back = glow.flow.inverse(tf.identity(glow.flow.forward(x)))
    # Of an input to a network that is off by a float32's rounding, bfloat16's may go the other way.
    tolerance = {"float64": 1e-13, "float32": 1e-5, "mixed_bfloat16": 1e-3}[precision]
    np.testing.assert_allclose(back, x, atol=tolerance)


def test_encode_is_deterministic_and_the_flow_at_bin_centres(glow, images):
    latents = glow.encode(images)
    np.testing.assert_array_equal(latents, glow.encode(images))
    expected = glow.flow.forward((images + 0.5) / np.float32(256) - 0.5)
    np.testing.assert_allclose(latents, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(glow(images), latents)


def test_latent_is_every_levels_eps_in_the_official_order(glow, noise):
    flow = glow.flow
    x, _ = flow.squeeze.forward_and_log_det(noise - 0.5)
    for step in flow.steps[0]:
        x, _ = step.forward_and_log_det(x)
    x, eps_0, _ = flow.splits[0].split(x)
    x, _ = flow.squeeze.forward_and_log_det(x)
    for step in flow.steps[1]:
        x, _ = step.forward_and_log_det(x)
    eps_1, _ = flow.top_prior.forward_and_log_det(x)
    assert flow.latent_shapes == [(4, 4, 6), (2, 2, 24)]
    expected = np.concatenate([eps_0.numpy().reshape(4, -1), eps_1.numpy().reshape(4, -1)], -1)
    np.testing.assert_allclose(flow.forward(noise - 0.5), expected, rtol=1e-4, atol=1e-5)


# Initialisation.


def test_initialize_normalises_every_actnorm():
    glow = tfglow.Glow(CONFIG)
    images = np.random.default_rng(0).integers(256, size=[32, 8, 8, 3], dtype=np.uint8)
    glow.initialize(images)
    noise = tf.random.stateless_uniform(images.shape, [CONFIG.seed, 0])
    x = likelihood.dequantize(images, 8, noise)
    for level, steps in enumerate(glow.flow.steps):
        x = glow.flow.squeeze.forward(x)
        for step in steps:
            y = step.actnorm.forward(x)
            np.testing.assert_allclose(
                tf.reduce_mean(y, [0, 1, 2]), np.zeros(y.shape[-1]), atol=1e-4
            )
            np.testing.assert_allclose(
                tf.math.reduce_std(y, [0, 1, 2]), np.ones(y.shape[-1]), rtol=1e-3
            )
            x = step.forward(x)
        if level == 0:
            x, _, _ = glow.flow.splits[0].split(x)


@pytest.mark.parametrize("num_bits", [8, 1])
def test_initialize_on_images_with_a_constant_channel(images, num_bits):
    images[..., 2] = 255  # Such as an opaque alpha channel.
    glow = tfglow.Glow(dataclasses.replace(CONFIG, num_bits=num_bits))
    glow.initialize(images)
    assert np.all(glow.bits_per_dim(images) < num_bits + 1)


def test_initialize_is_deterministic(images):
    weights = []
    for _ in range(2):
        glow = tfglow.Glow(CONFIG)
        glow.initialize(images)
        weights.append(glow.get_weights())
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_initialize_of_a_conditional_model(images, labels):
    glow = tfglow.Glow(CONDITIONAL)
    with pytest.raises(ValueError, match="needs `labels`"):
        glow.initialize(images)
    glow.initialize(images, labels)
    assert np.all(np.isfinite(glow.log_prob(images, labels)))


def test_nothing_but_initialize_initialises(images, noise):
    glow = tfglow.Glow(CONFIG)
    before = [v.numpy() for v in glow.flow.variables]
    glow.sample(2)
    glow.log_prob(images, noise=noise)
    glow.decode(glow.encode(images))
    glow.distribution.log_prob(noise)
    tf.function(glow.log_prob)(images)
    for old, new in zip(before, glow.flow.variables, strict=True):
        np.testing.assert_array_equal(new, old)


def test_seed_of_the_configuration_fixes_the_weights():
    weights = [tfglow.Glow(dataclasses.replace(CONFIG, seed=s)).get_weights() for s in (1, 1, 2)]
    same = [np.array_equal(a, b) for a, b in zip(weights[0], weights[1], strict=True)]
    other = [np.array_equal(a, b) for a, b in zip(weights[0], weights[2], strict=True)]
    assert all(same) and not all(other)


def test_every_step_starts_differently():
    flow = tfglow.Glow(CONFIG).flow
    first, second = (step.permutation.weight().numpy() for step in flow.steps[0])
    assert np.max(np.abs(first - second)) > 0.1
    first, second = (step.coupling.network.conv_1.kernel.numpy() for step in flow.steps[0])
    assert np.max(np.abs(first - second)) > 0.01


# Conditional models.


def test_labels_change_the_likelihood(conditional, images, noise, labels):
    ours = conditional.log_prob(images, labels, noise)
    theirs = conditional.log_prob(images, (labels + 1) % 5, noise)
    assert np.all(np.abs(ours - theirs) > 1e-3)
    np.testing.assert_array_equal(
        conditional.decode(conditional.encode(images, labels), labels), images
    )


def test_classifier_term_by_hand(conditional, images, noise, labels):
    terms = conditional.objective(images, labels, noise)
    x = likelihood.dequantize(images, 8, noise)
    _, _, top = conditional.flow.forward_to_top(x, labels)
    kernel, b, logs = (w.numpy().astype(np.float64) for w in conditional.classifier.weights)
    features = top.numpy().astype(np.float64).mean((1, 2))
    logits = (features @ kernel + b) * np.exp(3 * logs)
    log_softmax = logits - np.log(np.sum(np.exp(logits), -1, keepdims=True))
    bits = -log_softmax[np.arange(4), labels] / np.log(2)
    np.testing.assert_allclose(terms["class_bits"], bits, rtol=1e-4)
    np.testing.assert_array_equal(terms["accuracy"], logits.argmax(-1) == labels)
    bits_per_dim = conditional.bits_per_dim(images, labels, noise)
    np.testing.assert_allclose(terms["bits_per_dim"], bits_per_dim, rtol=1e-6)
    np.testing.assert_allclose(terms["loss"], bits_per_dim + 0.25 * bits, rtol=1e-5)


def test_classifier_is_trained(conditional, images, labels):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(conditional.objective(images, labels)["loss"])
    variables = [v.value for v in conditional.classifier.trainable_variables]
    assert all(np.any(g.numpy() != 0) for g in tape.gradient(loss, variables))
    assert len(conditional.trainable_variables) == len(conditional.flow.trainable_variables) + 3


def test_classifier_starts_at_a_guess(images, labels):
    glow = tfglow.Glow(CONDITIONAL)
    class_bits = glow.objective(images, labels)["class_bits"]
    np.testing.assert_allclose(class_bits, np.full(4, np.log2(5)), rtol=1e-6)


def test_conditional_model_without_a_classifier(images, labels):
    glow = make_glow(CONDITIONAL, weight_y=0.0)
    assert glow.classifier is None
    assert set(glow.objective(images, labels)) == {"loss", "bits_per_dim"}


# Samples.


def test_temperature_0_is_the_mode_of_the_latents(glow):
    samples = glow.sample(3, temperature=0.0)
    np.testing.assert_array_equal(samples, np.repeat(glow.decode(tf.zeros([1, NUM_DIMS])), 3, 0))


def test_seed_fixes_the_samples(glow):
    first = glow.sample(5, seed=7)
    assert first.shape == (5, 8, 8, 3) and first.dtype == tf.uint8
    np.testing.assert_array_equal(first, glow.sample(5, seed=7))
    np.testing.assert_array_equal(tf.function(lambda seed: glow.sample(5, seed=seed))(7), first)
    assert np.any(first != glow.sample(5, seed=8))
    assert np.any(glow.sample(5) != glow.sample(5))
    assert len({sample.tobytes() for sample in first.numpy()}) == 5


@pytest.mark.parametrize("seed", [0, 2**31, 2**40, -1])
def test_any_integer_is_a_seed(glow, seed):
    np.testing.assert_array_equal(glow.sample(2, seed=seed), glow.sample(2, seed=seed))


def test_temperature_scales_the_latents(glow):
    eps = tf.random.stateless_normal([3, NUM_DIMS], [7, 0])
    for temperature in (0.0, 0.5, 1.0, 2.0):
        expected = glow.decode(temperature * eps)
        np.testing.assert_array_equal(glow.sample(3, temperature, seed=7), expected)


def test_one_temperature_a_sample(glow):
    samples = glow.sample(3, temperature=[0.0, 0.5, 1.0], seed=7)
    for i, temperature in enumerate([0.0, 0.5, 1.0]):
        alone = glow.sample(3, temperature=temperature, seed=7)[i]
        assert np.max(np.abs(np.int32(samples[i]) - np.int32(alone))) <= 1


def test_samples_of_a_class(conditional, labels):
    samples = conditional.sample(4, labels=labels, seed=7)
    np.testing.assert_array_equal(samples, conditional.sample(4, labels=labels, seed=7))
    assert np.any(samples != conditional.sample(4, labels=(labels + 1) % 5, seed=7))


def test_no_samples(glow):
    glow = make_glow(precision="float64")  # As for empty batches in the contract's tests.
    assert glow.sample(0).shape == (0, 8, 8, 3)


# Bad input.


def test_configuration_must_be_one():
    for wrong in (None, {"levels": 2}, "cifar10"):
        with pytest.raises(ValueError, match=r"`config` must be a tfglow.GlowConfig, got"):
            tfglow.Glow(wrong)
        with pytest.raises(ValueError, match=r"must be a tfglow.GlowConfig, got"):
            tfglow.bijectors.GlowFlow(wrong)


@pytest.mark.parametrize(
    "method", ["log_prob", "bits_per_dim", "encode", "initialize", "objective"]
)
def test_every_method_checks_its_images_and_labels(glow, conditional, images, method):
    for wrong, message in (
        (images / 255.0, r"Images must be uint8 in \[0, 255\], got float64 in \[0.0, 1.0\]"),
        (images.astype(np.int64), "Images must be uint8 .*got int64"),
        (images[:, :4], r"shape \[B, 8, 8, 3\], got \(4, 4, 8, 3\)"),
        (images[0], r"shape \[B, 8, 8, 3\], got \(8, 8, 3\)"),
    ):
        with pytest.raises(ValueError, match=message):
            getattr(glow, method)(wrong)
    with pytest.raises(ValueError, match=r"unconditional .*got `labels`"):
        getattr(glow, method)(images, labels=[0, 1, 2, 3])
    for wrong, message in (
        (None, "conditional on 5 classes and needs `labels`"),
        ([0, 1, 2, 5], r"Labels must be in \[0, 5\), got 5"),
        ([0, 1], r"Labels must have the shape \[4\], got \(2,\)"),
        ([0.0, 1.0, 2.0, 3.0], "Labels must be integers, got float32"),
    ):
        with pytest.raises(ValueError, match=message):
            getattr(conditional, method)(images, labels=wrong)


def test_decode_and_sample_check_their_input(glow, conditional):
    with pytest.raises(ValueError, match=r"Latents must have the shape \[B, 192\], got \(2, 7\)"):
        glow.decode(np.zeros([2, 7]))
    with pytest.raises(ValueError, match="Latents must be floating-point numbers, got uint8"):
        glow.decode(np.zeros([2, NUM_DIMS], np.uint8))
    for method, argument in ((glow.decode, np.zeros([2, NUM_DIMS])), (glow.sample, 2)):
        with pytest.raises(ValueError, match=r"unconditional .*got `labels`"):
            method(argument, labels=[0, 1])
    for method, argument in (
        (conditional.decode, np.zeros([2, NUM_DIMS])),
        (conditional.sample, 2),
    ):
        with pytest.raises(ValueError, match="needs `labels`"):
            method(argument)
        with pytest.raises(ValueError, match=r"Labels must be in \[0, 5\), got 7"):
            method(argument, labels=[0, 7])
        with pytest.raises(ValueError, match=r"Labels must have the shape \[2\], got \(3,\)"):
            method(argument, labels=[0, 1, 2])
    with pytest.raises(ValueError, match="`temperature` must be finite and >= 0, got -1"):
        glow.sample(2, temperature=-1.0)
    with pytest.raises(ValueError, match="`num` must be an integer >= 0, got -2"):
        glow.sample(-2)


def test_noise_is_checked(glow, images, noise):
    with pytest.raises(ValueError, match=r"`noise` must have the shape \(4, 8, 8, 3\), got \(2,"):
        glow.log_prob(images, noise=noise[:2])
    with pytest.raises(ValueError, match=r"`noise` must be in \[0, 1\), got"):
        glow.log_prob(images, noise=255.0 * noise)
