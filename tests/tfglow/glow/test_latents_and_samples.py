"""Encoding, decoding and sampling."""

import numpy as np
import pytest
import tensorflow as tf

from tests.tfglow.glow.models import NUM_DIMS, make_glow
from tfglow import likelihood

pytestmark = pytest.mark.slow


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
    back = glow.flow.inverse(glow.flow.forward(x))
    # Of an input to a network that is off by a float32's rounding, bfloat16's may go the other way.
    tolerance = {"float64": 1e-13, "float32": 1e-5, "mixed_bfloat16": 1e-3}[precision]
    np.testing.assert_allclose(back, x, atol=tolerance)
    exact = glow.decode_continuous(latents)
    np.testing.assert_allclose(exact, x, atol=1e-13 if precision == "float64" else 1e-5)


def test_encode_is_deterministic_and_the_flow_at_bin_centres(glow, images):
    latents = glow.encode(images)
    np.testing.assert_array_equal(latents, glow.encode(images))
    expected = glow.flow.forward((images + 0.5) / np.float32(256) - 0.5)
    np.testing.assert_allclose(latents, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(glow(images), latents)


def test_latent_is_every_levels_eps_in_the_official_order(glow, noise):
    flow = glow.flow
    x, _ = flow.levels[0].squeeze.forward_and_log_det(noise - 0.5)
    for step in flow.steps[0]:
        x, _ = step.forward_and_log_det(x)
    x, eps_0, _ = flow.splits[0].split(x)
    x, _ = flow.levels[1].squeeze.forward_and_log_det(x)
    for step in flow.steps[1]:
        x, _ = step.forward_and_log_det(x)
    eps_1, _ = flow.top_prior.forward_and_log_det(x)
    assert flow.latent_shapes == [(4, 4, 6), (2, 2, 24)]
    expected = np.concatenate([eps_0.numpy().reshape(4, -1), eps_1.numpy().reshape(4, -1)], -1)
    np.testing.assert_allclose(flow.forward(noise - 0.5), expected, rtol=1e-4, atol=1e-5)


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
