import numpy as np
import pytest
import tensorflow as tf

from tfglow.bijectors.channel_map import ActNormWeights, ChannelMap, log_abs_det
from tfglow.bijectors.invertible_1x1_conv import WEIGHTS
from tfglow.bijectors.shuffle_channels import ChannelOrder

CHANNELS = 5
PERMUTATIONS = {
    "lu": lambda seed: WEIGHTS["lu"].initial(CHANNELS, seed),
    "full": lambda seed: WEIGHTS["full"].initial(CHANNELS, seed),
    "shuffle": lambda seed: ChannelOrder.random(CHANNELS, seed),
    "reverse": lambda seed: ChannelOrder.reverse(CHANNELS),
}


def weights(permutation, seed):
    """Those of one step, float64; no longer a rotation where that is learned."""
    rng = np.random.default_rng(seed)
    actnorm = ActNormWeights(*tf.constant(0.3 * rng.normal(size=[2, CHANNELS])))
    values = PERMUTATIONS[permutation](seed)
    if permutation == "lu":
        values = values._replace(log_s=values.log_s + 0.2 * rng.normal(size=CHANNELS))
    if permutation == "full":
        values = values._replace(w=values.w + 0.2 * rng.normal(size=values.w.shape))
    return actnorm, tf.nest.map_structure(tf.constant, values)


@pytest.mark.parametrize("permutation", PERMUTATIONS)
def test_is_actnorm_then_the_permutation(permutation):
    actnorm, values = weights(permutation, seed=1)
    x = np.random.default_rng(2).normal(size=[2, 3, 4, CHANNELS])
    matrix = values.matrix(tf.float64).numpy()
    expected = ((x + actnorm.b) * np.exp(3 * actnorm.logs)) @ matrix
    forward = ChannelMap.forward(actnorm, values)
    inverse = ChannelMap.inverse(actnorm, values)
    y = forward(tf.constant(x))
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(inverse(y), x, rtol=1e-10, atol=1e-12)
    log_det = np.linalg.slogdet(forward.weight)[1]
    np.testing.assert_allclose(log_abs_det(actnorm, values), log_det, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("permutation", PERMUTATIONS)
def test_of_several_steps_at_once(permutation):
    single = [weights(permutation, seed) for seed in range(3)]
    actnorm, values = tf.nest.map_structure(lambda *parts: tf.stack(parts), *single)
    for make in (ChannelMap.forward, ChannelMap.inverse):
        stacked = make(actnorm, values)
        for k, step in enumerate(single):
            np.testing.assert_allclose(stacked.weight[k], make(*step).weight, rtol=1e-12)
            np.testing.assert_allclose(stacked.bias[k], make(*step).bias, rtol=1e-12)
    total = sum(log_abs_det(*step) for step in single)
    np.testing.assert_allclose(log_abs_det(actnorm, values), total, rtol=1e-12, atol=1e-14)
