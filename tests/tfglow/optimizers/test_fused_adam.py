import keras
import numpy as np
import pytest

from tests.tfglow.optimizers.quadratic import minimize
from tfglow.optimizers import FusedAdam


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-6), ("float32", 2e-6)])
def test_is_keras_adam(dtype, tolerance):
    """Which computes its rate in float32."""
    arguments = {"learning_rate": 1e-2, "beta_1": 0.8, "beta_2": 0.98, "epsilon": 1e-6}
    expected = minimize(keras.optimizers.Adam(**arguments), 20, dtype)
    actual = minimize(FusedAdam(**arguments), 20, dtype)
    np.testing.assert_allclose(actual, expected, rtol=tolerance)


def test_has_the_defaults_of_keras_adam():
    expected, actual = keras.optimizers.Adam().get_config(), FusedAdam().get_config()
    for name in ("learning_rate", "beta_1", "beta_2", "epsilon"):
        assert actual[name] == pytest.approx(expected[name], rel=1e-6)
