"""The likelihoods that the model gives."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.tfglow.glow.models import NUM_DIMS, drawn_anew, make_glow
from tfglow import likelihood

pytestmark = pytest.mark.slow

tfd = tfp.distributions


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
    assert drawn_anew(first, second)
    traced = tf.function(glow.log_prob)
    assert drawn_anew(traced(images), traced(images))


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


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
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
