"""Every coupling network runs once."""

import numpy as np
import pytest
import tensorflow as tf

from tests.tfglow.glow.models import NUM_DIMS, make_glow
from tfglow.networks import coupling_network

pytestmark = pytest.mark.slow


@pytest.fixture(name="calls")
def _calls(monkeypatch):
    """Grows by a network's fingerprint whenever one runs, also inside a graph."""
    calls = []
    plain = coupling_network.apply

    def note(kernel):
        calls.append(float(np.sum(kernel)))
        return np.int64(0)

    def counted(folded, x, *args, **kwargs):
        kernel = tf.cast(folded.conv_2.kernel, tf.float64)
        count = tf.numpy_function(note, [kernel], tf.int64)
        with tf.control_dependencies([count]):
            x = tf.identity(x)
        return plain(folded, x, *args, **kwargs)

    monkeypatch.setattr(coupling_network, "apply", counted)
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
