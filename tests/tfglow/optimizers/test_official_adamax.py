import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.tfglow.optimizers.quadratic import START, gradient, minimize
from tfglow.optimizers import OfficialAdamax


def official_rule(num_steps, learning_rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    """The update of the official code's optim.py, in NumPy; `learning_rate` of the step t."""
    w, m, v = START.copy(), np.zeros(3), np.zeros(3)
    for t in range(1, num_steps + 1):
        g = gradient(w)
        m = beta_1 * m + (1 - beta_1) * g
        v = np.maximum(beta_2 * v, np.abs(g))
        w -= learning_rate(t) * np.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (v + epsilon)
    return w


def precise_rate():
    """0.01 as it is; Keras keeps a number that was given in float32."""
    return tf.constant(1e-2, tf.float64)


@pytest.mark.parametrize(
    ("learning_rate", "dtype", "tolerance"),
    [(precise_rate, "float64", 1e-14), (1e-2, "float64", 1e-8), (1e-2, "float32", 1e-6)],
)
def test_is_the_official_rule(learning_rate, dtype, tolerance):
    optimizer = OfficialAdamax(learning_rate, beta_2=0.98)
    expected = official_rule(20, lambda t: 1e-2, beta_2=0.98)
    np.testing.assert_allclose(minimize(optimizer, 20, dtype), expected, rtol=tolerance)


def test_is_the_official_rule_under_xla():
    optimizer = OfficialAdamax(precise_rate, beta_2=0.98)
    expected = official_rule(3, lambda t: 1e-2, beta_2=0.98)
    np.testing.assert_allclose(minimize(optimizer, 3, jit_compile=True), expected, rtol=1e-12)


def test_differs_from_adamax():
    adamax = keras.optimizers.Adamax(1e-2, beta_2=0.98, epsilon=1e-8)
    ours = minimize(OfficialAdamax(1e-2, beta_2=0.98), 20)
    assert np.abs(minimize(adamax, 20) - ours).max() > 0.05
