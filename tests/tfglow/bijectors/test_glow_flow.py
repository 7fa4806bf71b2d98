import contextlib

import numpy as np
import pytest
import tensorflow as tf

from tests.random_glow import randomize
from tfglow import GlowConfig
from tfglow.bijectors import GlowFlow, glow_flow, multi_scale

CONFIG = GlowConfig(
    image_shape=(8, 8, 1),
    levels=3,
    steps=1,
    width=4,
    permutation="reverse",
    precision="float64",
    gradient_checkpointing=True,
)


@pytest.fixture(name="flow", scope="module")
def _flow():
    flow = GlowFlow(CONFIG)
    randomize(flow)
    return flow


@pytest.fixture(name="x")
def _x():
    return tf.constant(np.random.default_rng(1).normal(size=[3, *CONFIG.image_shape]))


def test_is_its_layers_in_turn(flow, x):
    h, total, latents = x, 0.0, []
    for name, layer in flow.layers:
        h, log_det = layer.forward_and_log_det(h)
        total += log_det
        if name.endswith("_split"):
            h, eps = tf.split(h, 2, axis=-1)
            latents.append(eps)
    latent, log_det = flow.forward_and_log_det(x)
    expected = multi_scale.flatten_latents([*latents, h])
    np.testing.assert_allclose(latent, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(log_det, total, rtol=1e-10)


@pytest.mark.parametrize("direction", ["forward", "terms", "inverse"])
def test_eagerly_its_graph_calls_its_steps_and_in_a_users_graph_it_does_not(
    flow, x, direction, monkeypatch
):
    fresh = GlowFlow(flow.config)
    run, argument = {
        "forward": (fresh.forward, x),
        "terms": (fresh.forward_terms, x),
        "inverse": (fresh.inverse, flow.forward(x)),
    }[direction]
    asked = []

    @contextlib.contextmanager
    def noting():
        asked.append(tf.executing_eagerly())
        yield

    monkeypatch.setattr(glow_flow, "steps_as_calls", noting)
    tf.function(run).get_concrete_function(argument)
    assert asked == []
    run(argument)
    run(argument)
    assert asked == [False]  # Once, while its graph was traced.


def test_the_latent_is_flat_and_its_parts_come_back(flow, x):
    assert flow.latent_shapes == [(4, 4, 2), (2, 2, 4), (1, 1, 16)]
    latent = flow.forward(x)
    parts = multi_scale.unflatten_latents(latent, flow.latent_shapes)
    assert [part.shape for part in parts] == [(3, *shape) for shape in flow.latent_shapes]
    np.testing.assert_array_equal(multi_scale.flatten_latents(parts), latent)


@pytest.mark.parametrize("num_rows", [3, 0])
def test_the_top_latent_before_its_prior(flow, x, num_rows):
    latent, log_det, top = flow.forward_to_top(x[:num_rows])
    expected, expected_log_det = flow.forward_and_log_det(x[:num_rows])
    np.testing.assert_array_equal(latent, expected)
    np.testing.assert_array_equal(log_det, expected_log_det)
    eps, _ = flow.top_prior.whiten(top)
    np.testing.assert_allclose(tf.reshape(eps, [num_rows, 16]), latent[:, -16:], rtol=1e-10)


def test_steps_and_splits_are_the_levels(flow):
    assert flow.steps == [level.steps for level in flow.levels]
    assert flow.splits == [level.split for level in flow.levels[:-1]]
    assert flow.levels[-1].split is None
    assert {"level0/steps/actnorm/b", "level1/split/conv/kernel", "top_prior/logs"} <= set(
        flow.named_variables
    )
    names = [name for name, _ in flow.layers]
    assert len(set(names)) == len(names) == 3 * (1 + 3) + 2 + 1


def test_every_step_starts_differently():
    config = GlowConfig(image_shape=(4, 4, 4), levels=2, steps=2, width=4)
    flow = GlowFlow(config)
    kernels = [step.coupling.network.conv_2.kernel for steps in flow.steps for step in steps]
    for i in range(4):
        for j in range(i):
            assert np.max(np.abs(kernels[i] - kernels[j])) > 0.01


def test_a_configuration_is_asked_for():
    with pytest.raises(ValueError, match=r"must be a tfglow\.GlowConfig, got 3"):
        GlowFlow(3)
