import numpy as np

from tests.random_glow import randomize
from tfglow.networks import ScaledDense


def test_is_the_official_map():
    x = np.random.default_rng(0).normal(size=[2, 3])
    dense = ScaledDense(3, 5, dtype="float64")
    np.testing.assert_array_equal(dense(x), np.zeros([2, 5]))
    randomize(dense, scale=0.3)
    expected = (x @ dense.kernel.numpy() + dense.b.numpy()) * np.exp(3 * dense.logs.numpy())
    np.testing.assert_allclose(dense(x), expected, rtol=1e-12)


def test_names_of_variables():
    named = ScaledDense(3, 5).named_variables
    assert {name: tuple(v.shape) for name, v in named.items()} == {
        "kernel": (3, 5),
        "b": (5,),
        "logs": (5,),
    }
