import itertools

import numpy as np
import tensorflow as tf

from tfglow.datasets.randomness import (
    Stream,
    permutation,
    stream_key,
    uniform_noise,
    uniform_table,
)

# Recorded once, from NumPy 2.4 and TensorFlow 2.21.
KEY = 6388545626237509919
ORDER = [1, 7, 2, 3, 4, 6, 0, 5]
NOISE = [[0.5470311641693115, 0.9291853904724121], [0.9665852785110474, 0.9585088491439819]]


def test_keys_differ_between_seeds_epochs_and_streams():
    keys = [
        stream_key(seed, epoch, stream)
        for seed, epoch, stream in itertools.product(range(10), range(10), Stream)
    ]
    assert len(set(keys)) == 10 * 10 * len(Stream)
    assert all(0 <= key < 2**63 for key in keys)


def test_numbers_stay_the_same_from_version_to_version():
    """A run that is resumed with another NumPy or TensorFlow goes on with the same numbers."""
    assert stream_key(1, 2, Stream.NOISE) == KEY
    assert permutation(8, KEY).tolist() == ORDER
    noise = uniform_noise(KEY, tf.constant([0, 5], tf.int64), (2,))
    np.testing.assert_array_equal(noise, np.array(NOISE, np.float32))


def test_permutations_are_uniform():
    counts = np.zeros((4, 4))
    for key in range(4000):
        counts[np.arange(4), permutation(4, key)] += 1
    # Each of 4 x 4 places is 1000 on average, with a standard deviation of 27.
    assert np.abs(counts - 1000).max() < 4 * 27.4
    assert sorted(permutation(1000, 1)) == list(range(1000))


def test_noise_of_an_element_does_not_depend_on_its_batch():
    together = uniform_noise(7, tf.range(10, dtype=tf.int64), (3, 2))
    alone = uniform_noise(7, tf.constant([6], tf.int64), (3, 2))
    assert together.shape == (10, 3, 2)
    np.testing.assert_array_equal(together[6:7], alone)


def test_random_numbers_do_not_depend_on_tensorflows_seed():
    tables = []
    for seed in (1, 2):
        tf.random.set_seed(seed)
        tables.append(uniform_table(3, 5, 2))
    np.testing.assert_array_equal(*tables)
    assert tables[0].shape == (5, 2)
