import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfglow import likelihood

tfd = tfp.distributions


@pytest.fixture(name="images")
def _images():
    return np.arange(256, dtype=np.uint8).reshape(2, 8, 8, 2)


@pytest.mark.parametrize("num_bits", range(1, 9))
def test_dequantize_is_the_official_preprocessing(images, num_bits):
    noise = np.random.default_rng(0).uniform(size=images.shape)
    x = likelihood.dequantize(images, num_bits, noise, tf.float64)
    levels = np.floor(images / 2.0 ** (8 - num_bits))
    expected = levels / 2.0**num_bits - 0.5 + noise / 2.0**num_bits
    np.testing.assert_allclose(x, expected, atol=1e-15)
    assert np.min(x) >= -0.5 and np.max(x) < 0.5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("num_bits", range(1, 9))
def test_quantize_undoes_dequantize(images, num_bits, dtype):
    kept = images // 2 ** (8 - num_bits) * 2 ** (8 - num_bits)
    for noise in (0.0, 0.5, 0.99):
        x = likelihood.dequantize(images, num_bits, noise, dtype)
        assert x.dtype == dtype
        decoded = likelihood.quantize(x, num_bits)
        assert decoded.dtype == tf.uint8
        np.testing.assert_array_equal(decoded, kept)


@pytest.mark.parametrize("num_bits, top", [(8, 255), (5, 248), (1, 128)])
def test_quantize_takes_what_is_outside_to_the_nearest_bin(num_bits, top):
    x = tf.constant([-1e6, -0.51, -0.5, 0.4999, 0.5, 3.0, 1e6])
    decoded = likelihood.quantize(x, num_bits)
    np.testing.assert_array_equal(decoded, [0, 0, 0, top, top, top, top])


@pytest.mark.parametrize("num_bits", [8, 3])
def test_a_uniform_density_costs_num_bits(num_bits):
    # On [−0.5, 0.5) the uniform log density is 0 nats.
    log_prob = likelihood.discrete_log_prob(tf.zeros([2], tf.float64), 48, num_bits)
    bits = likelihood.bits_per_dim(log_prob, 48)
    np.testing.assert_allclose(bits, [num_bits] * 2, rtol=1e-14)


def test_discrete_log_prob_sums_to_one():
    """P of each bin, by integrating a density over it; and the bound by one draw in it."""
    normal = tfd.Normal(tf.constant(0.1, tf.float64), 0.2)
    edges = np.arange(257) / 256 - 0.5
    probabilities = np.diff(normal.cdf(edges))
    images = np.arange(256, dtype=np.uint8)
    centres = likelihood.dequantize(images, 8, 0.5, tf.float64)
    log_prob = likelihood.discrete_log_prob(normal.log_prob(centres), 1, 8)
    np.testing.assert_allclose(np.exp(log_prob), probabilities, rtol=1e-3)


class _LogProb:
    """Records what it is called with; log_prob is a known function of the noise."""

    def __init__(self, num_dims):
        self.num_dims = num_dims
        self.calls = []

    def __call__(self, images, noise, **kwargs):
        self.calls.append((np.asarray(images), np.asarray(noise), kwargs))
        return -tf.reduce_sum(noise, [1, 2, 3]) * math.log(2.0)


def batches(sizes, labelled=False):
    for i, size in enumerate(sizes):
        batch = {"image": np.full([size, 2, 2, 1], i, np.uint8)}
        yield {**batch, "label": np.arange(size)} if labelled else batch


def test_evaluate_by_hand():
    log_prob = _LogProb(4)
    result = likelihood.evaluate(log_prob, batches([3, 2]), num_dims=4, num_draws=6, seed=1)
    # [draws, images]: with the function above, a noise's mean is its bits per dimension.
    first = np.stack([noise.mean((1, 2, 3)) for _, noise, _ in log_prob.calls[:6]])
    second = np.stack([noise.mean((1, 2, 3)) for _, noise, _ in log_prob.calls[6:]])
    bits = np.concatenate([first, second], axis=1).astype(np.float64)
    assert bits.shape == (6, 5)
    means = bits.mean(0)
    np.testing.assert_allclose(result.bits_per_dim, means.mean(), rtol=1e-6)
    np.testing.assert_allclose(result.standard_error, means.std(ddof=1) / 5**0.5, rtol=1e-5)
    tight = -np.log(np.mean(np.exp(-bits * 4 * math.log(2)), 0)) / (4 * math.log(2))
    np.testing.assert_allclose(result.bits_per_dim_importance, tight.mean(), rtol=1e-6)
    np.testing.assert_allclose(
        result.standard_error_importance, tight.std(ddof=1) / 5**0.5, rtol=1e-5
    )
    assert result.bits_per_dim_importance < result.bits_per_dim
    assert (result.num_images, result.num_draws) == (5, 6)


def test_evaluate_draws_all_noise_anew_and_the_same_for_a_seed():
    runs = []
    for seed in (1, 1, 2):
        log_prob = _LogProb(4)
        likelihood.evaluate(log_prob, batches([3, 3]), 4, num_draws=2, seed=seed)
        runs.append(np.stack([noise for _, noise, _ in log_prob.calls]))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.any(runs[0] == runs[2])
    assert len(np.unique(runs[0])) == runs[0].size
    assert np.all((runs[0] >= 0) & (runs[0] < 1))


def test_evaluate_with_one_draw_has_no_tighter_bound():
    result = likelihood.evaluate(_LogProb(4), batches([3]), 4)
    np.testing.assert_allclose(result.bits_per_dim, result.bits_per_dim_importance, rtol=1e-12)


def test_evaluate_of_very_unlikely_images():
    # exp() of these underflows: log-mean-exp must not.
    result = likelihood.evaluate(
        lambda images, noise: -1e5 - tf.reduce_sum(noise, [1, 2, 3]), batches([2]), 4, num_draws=3
    )
    np.testing.assert_allclose(result.bits_per_dim_importance, 1e5 / (4 * math.log(2)), rtol=1e-4)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_evaluate_says_which_images_have_no_finite_likelihood(value):
    def log_prob(images, noise):
        return tf.constant([-1.0, value, -1.0])[: len(images)]

    message = "finite likelihood: 2 of 5, the first is number 1"
    with pytest.warns(RuntimeWarning, match=message) as caught:
        result = likelihood.evaluate(log_prob, batches([3, 2]), 4, num_draws=2)
    assert [warning.filename for warning in caught] == [__file__]
    assert not math.isfinite(result.bits_per_dim)


def test_evaluate_gives_labels_where_there_are_some():
    log_prob = _LogProb(4)
    likelihood.evaluate(log_prob, batches([3], labelled=True), 4)
    np.testing.assert_array_equal(log_prob.calls[0][2]["labels"], [0, 1, 2])
    log_prob = _LogProb(4)
    likelihood.evaluate(log_prob, batches([3]), 4)
    assert log_prob.calls[0][2] == {}


def test_evaluate_one_image_has_no_standard_error():
    result = likelihood.evaluate(_LogProb(4), batches([1]), 4)
    assert math.isnan(result.standard_error)


def test_evaluate_refuses():
    with pytest.raises(ValueError, match="no image to evaluate"):
        likelihood.evaluate(_LogProb(4), [], 4)
    for num_draws in (0, -1):
        with pytest.raises(ValueError, match=f"`num_draws` must be at least 1, got {num_draws}"):
            likelihood.evaluate(_LogProb(4), batches([1]), 4, num_draws=num_draws)
