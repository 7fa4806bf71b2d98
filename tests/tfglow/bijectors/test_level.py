import numpy as np
import pytest
import tensorflow as tf

from tests.random_glow import randomize
from tfglow.bijectors import FlowSteps, GaussianSplit, Squeeze
from tfglow.bijectors.level import Level


def make_level(has_split):
    common = {"dtype": tf.float64}
    split = GaussianSplit(8, name="level3_split", **common) if has_split else None
    level = Level(FlowSteps(2, 8, width=4, name="level3", **common), split, name="level3")
    randomize(level)
    return level


@pytest.fixture(name="x")
def _x():
    return tf.constant(np.random.default_rng(0).normal(size=[3, 4, 6, 2]))


@pytest.mark.parametrize("has_split", [False, True])
def test_is_its_layers_in_turn_and_their_inverse(x, has_split):
    level = make_level(has_split)
    y, eps, log_det = level.forward(x)
    expected, total = x, 0.0
    for _, layer in level.layers:
        expected, layer_log_det = layer.forward_and_log_det(expected)
        total += layer_log_det
    actual = y if eps is None else tf.concat([y, eps], -1)
    assert (eps is None) == (not has_split)
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(log_det, total, rtol=1e-10)
    back, back_log_det = level.inverse(y, eps)
    np.testing.assert_allclose(back, x, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(back_log_det, -total, rtol=1e-10)


@pytest.mark.parametrize("has_split", [False, True])
def test_initialize_returns_the_output(x, has_split):
    level = make_level(has_split)
    y, eps = level.initialize(4.0 * x + 1.0)
    expected, expected_eps, _ = level.forward(4.0 * x + 1.0)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)
    if has_split:
        np.testing.assert_allclose(eps, expected_eps, rtol=1e-10, atol=1e-12)
    squeezed = Squeeze(dtype=tf.float64).forward(4.0 * x + 1.0)
    normalised = level.steps[0].actnorm.forward(squeezed)
    np.testing.assert_allclose(tf.reduce_mean(normalised, [0, 1, 2]), np.zeros(8), atol=1e-12)


def test_names():
    level = make_level(True)
    assert [name for name, _ in level.layers] == [
        "level3_squeeze",
        *[
            f"level3_step{k}_{part}"
            for k in range(2)
            for part in ("actnorm", "invertible_1x1_conv", "affine_coupling")
        ],
        "level3_split",
    ]
    named = level.named_variables
    assert {"steps/actnorm/b", "steps/network/conv_last/kernel", "split/conv/logs"} <= set(named)
    assert set(map(id, named.values())) == set(map(id, level.variables))
    assert not any(name.startswith("split") for name in make_level(False).named_variables)
