"""Likelihoods in bfloat16, what must come back in float32: on one set of weights."""

import numpy as np
import pytest
import tensorflow as tf

from tests.tfglow.glow.models import NUM_DIMS, make_glow
from tfglow.networks import coupling_network

pytestmark = pytest.mark.slow


@pytest.fixture(name="mixed", scope="module")
def _mixed():
    return make_glow(precision="mixed_bfloat16", num_classes=3, weight_y=0.1)


@pytest.fixture(name="exact", scope="module")
def _exact():
    """The same weights in float32: one seed, and none of the variables in bfloat16."""
    return make_glow(precision="float32", num_classes=3, weight_y=0.1)


@pytest.fixture(name="dtypes")
def _dtypes(monkeypatch):
    """The dtype of every network whose arithmetic is traced, or run for the first time."""
    dtypes = []
    plain = coupling_network.apply

    def noted(folded, x, *args, **kwargs):
        dtypes.append(folded.conv_1.kernel.dtype)
        return plain(folded, x, *args, **kwargs)

    monkeypatch.setattr(coupling_network, "apply", noted)
    return dtypes


LABELS = [0, 1, 2, 2]


def test_there_is_one_set_of_variables_in_float32(mixed, exact):
    assert all(variable.dtype == tf.float32 for variable in mixed.named_variables.values())
    names = {n: v.shape for n, v in mixed.named_variables.items()}
    assert names == {n: v.shape for n, v in exact.named_variables.items()}
    assert len(mixed.variables) == len(names)
    for name, variable in mixed.named_variables.items():
        np.testing.assert_array_equal(variable, exact.named_variables[name])


@pytest.mark.parametrize("method", ["log_prob", "bits_per_dim", "objective"])
def test_likelihoods_run_networks_in_bfloat16(dtypes, images, noise, method):
    glow = make_glow(precision="mixed_bfloat16")
    getattr(glow, method)(images, noise=noise)
    assert set(dtypes) == {tf.bfloat16}


def test_what_must_come_back_runs_networks_in_float32(dtypes, images):
    glow = make_glow(precision="mixed_bfloat16")
    latents = glow.encode(images)
    np.testing.assert_array_equal(glow.decode(latents), images)
    glow.decode_continuous(latents)
    glow.sample(2, seed=1)
    glow(images)
    assert set(dtypes) == {tf.float32}


def test_latents_and_samples_are_the_exact_models(mixed, exact, images):
    np.testing.assert_array_equal(mixed.encode(images, LABELS), exact.encode(images, LABELS))
    latents = tf.random.stateless_normal([4, NUM_DIMS], [1, 2])
    np.testing.assert_array_equal(mixed.decode(latents, LABELS), exact.decode(latents, LABELS))
    np.testing.assert_array_equal(
        mixed.sample(4, labels=LABELS, seed=1), exact.sample(4, labels=LABELS, seed=1)
    )


def test_likelihoods_are_near_the_exact_models_and_not_the_same(mixed, exact, images, noise):
    ours = mixed.log_prob(images, LABELS, noise)
    theirs = exact.log_prob(images, LABELS, noise)
    assert np.all(ours != theirs)
    np.testing.assert_allclose(ours, theirs, rtol=1e-2)
    x = noise - 0.5
    np.testing.assert_array_equal(
        mixed.flow.forward(x, labels=LABELS, network_dtype=tf.float32),
        exact.flow.forward(x, labels=LABELS),
    )
    np.testing.assert_array_equal(
        exact.flow.forward(x, labels=LABELS, network_dtype=tf.bfloat16),
        mixed.flow.forward(x, labels=LABELS),
    )


def test_in_a_function_both_precisions_see_what_a_weight_becomes(images, noise):
    glow = make_glow(precision="mixed_bfloat16")
    log_prob = tf.function(lambda: glow.log_prob(images, noise=noise))
    encode = tf.function(lambda: glow.encode(images))
    before = log_prob(), encode()
    for variable in glow.flow.trainable_variables:
        variable.assign_add(tf.fill(variable.shape, 0.01))
    after = log_prob(), encode()
    for old, new in zip(before, after, strict=True):
        assert np.all(np.any(np.reshape(old != new, [4, -1]), axis=1))
    np.testing.assert_allclose(after[0], glow.log_prob(images, noise=noise), rtol=1e-3)
    np.testing.assert_array_equal(glow.decode(after[1]), images)


def test_gradients_are_float32_and_near_the_exact_ones(images, noise):
    gradients = []
    for precision in ("mixed_bfloat16", "float32"):
        glow = make_glow(precision=precision)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(glow.bits_per_dim(images, noise=noise))
        gradients.append(tape.gradient(loss, glow.flow.trainable_variables))
    for ours, theirs in zip(*gradients, strict=True):
        assert ours.dtype == tf.float32
        assert tf.norm(ours - theirs) < 0.1 * tf.norm(theirs) + 1e-3


def test_no_rows_in_every_precision():
    for precision in ("float32", "float64", "mixed_bfloat16"):
        glow = make_glow(precision=precision)
        none = np.zeros([0, 8, 8, 3], np.uint8)
        assert glow.log_prob(none).shape == glow.bits_per_dim(none).shape == (0,)
        assert glow.objective(none)["loss"].shape == (0,)
        assert glow.encode(none).shape == (0, NUM_DIMS)
        assert glow.decode(tf.zeros([0, NUM_DIMS])).shape == (0, 8, 8, 3)
        assert glow.sample(0).shape == (0, 8, 8, 3)
        assert glow.distribution.log_prob(tf.zeros([0, 8, 8, 3], glow.config.dtype)).shape == (0,)
        assert glow.distribution.sample(0).shape == (0, 8, 8, 3)


def test_no_rows_of_a_conditional_model_in_a_function(mixed):
    specs = [tf.TensorSpec([None, 8, 8, 3], tf.uint8), tf.TensorSpec([None], tf.int32)]
    for method in (mixed.log_prob, mixed.encode, lambda *args: mixed.objective(*args)["loss"]):
        traced = tf.function(method, input_signature=specs)
        for num in (0, 2, 0):
            rows = traced(np.zeros([num, 8, 8, 3], np.uint8), np.zeros([num], np.int32))
            assert rows.shape[0] == num and np.all(np.isfinite(rows))
    no_labels = np.zeros([0], np.int32)
    assert mixed.sample(0, labels=no_labels).shape == (0, 8, 8, 3)
