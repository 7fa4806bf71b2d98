import numpy as np

from train.scoring.extremes import Extremes


def test_keeps_both_ends_whatever_the_batches():
    rng = np.random.default_rng(0)
    bits = rng.permutation(100) / 10
    images = np.broadcast_to((10 * bits).astype(np.uint8)[:, None, None, None], (100, 2, 2, 1))
    extremes = Extremes(5)
    for start in range(0, 100, 7):
        extremes.add(bits[start : start + 7], images[start : start + 7])
    np.testing.assert_allclose(extremes.bits("most"), [0, 0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(extremes.bits("least"), [9.9, 9.8, 9.7, 9.6, 9.5])
    assert {0, 1, 2, 3, 4} <= set(np.unique(extremes.sheet("most")))
    assert {95, 96, 97, 98, 99} <= set(np.unique(extremes.sheet("least")))


def test_what_has_no_likelihood_is_the_least_likely():
    extremes = Extremes(2)
    images = np.zeros([3, 2, 2, 3], np.uint8)
    extremes.add(np.array([1.0, np.nan, 50.0]), images)
    np.testing.assert_array_equal(extremes.bits("least"), [np.inf, 50.0])
    assert extremes.sheet("least").shape[-1] == 3
