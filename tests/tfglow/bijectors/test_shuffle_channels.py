import numpy as np
import pytest
import tensorflow as tf

from tfglow.bijectors import ShuffleChannels


@pytest.fixture(name="x")
def _x():
    return np.random.default_rng(0).normal(size=[2, 3, 2, 7]).astype(np.float32)


def test_gathers_indices(x):
    shuffle = ShuffleChannels(7, seed=1)
    order = shuffle.indices.numpy()
    assert sorted(order) == list(range(7)) and list(order) != list(range(7))
    y, log_det = shuffle.forward_and_log_det(x)
    np.testing.assert_array_equal(y, x[..., order])
    assert log_det == 0.0
    np.testing.assert_array_equal(shuffle.inverse(y.numpy()), x)


def test_seed_fixes_the_permutation():
    orders = [tuple(ShuffleChannels(7, seed=seed).indices.numpy()) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    drawn = {tuple(ShuffleChannels(20).indices.numpy()) for _ in range(3)}
    assert len(drawn) == 3


def test_indices_are_saved_but_not_trained():
    shuffle = ShuffleChannels(7, seed=1)
    assert shuffle.trainable_variables == ()
    assert len(shuffle.variables) == 1


def test_inverse_follows_restored_indices(x):
    shuffle = ShuffleChannels(7, seed=1)
    shuffle.indices.assign([6, 5, 4, 3, 2, 1, 0])
    np.testing.assert_array_equal(shuffle.forward(x), x[..., ::-1])
    np.testing.assert_array_equal(shuffle.inverse(x), x[..., ::-1])


def test_weight_is_the_map(x):
    shuffle = ShuffleChannels(7, seed=1)
    weights = shuffle.weights
    np.testing.assert_array_equal(x @ weights.matrix(tf.float32).numpy(), shuffle.forward(x))
    inverse = weights.inverse_matrix(tf.float32).numpy()
    np.testing.assert_array_equal(x @ inverse, shuffle.inverse(x))
    assert weights.log_abs_det(tf.float32) == 0.0
