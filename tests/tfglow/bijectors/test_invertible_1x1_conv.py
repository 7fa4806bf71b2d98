import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

from tfglow.bijectors import Invertible1x1Conv


@pytest.fixture(name="x")
def _x():
    return np.random.default_rng(0).normal(size=[2, 3, 2, 6])


@pytest.mark.parametrize("parameterization", ["lu", "full"])
def test_starts_at_a_rotation(parameterization, x):
    conv = Invertible1x1Conv(6, parameterization, seed=3, dtype=tf.float64)
    weight = conv.weight().numpy()
    np.testing.assert_allclose(weight @ weight.T, np.eye(6), atol=1e-12)
    assert np.max(np.abs(weight - np.eye(6))) > 0.1
    np.testing.assert_allclose(conv.log_abs_det_weight(), 0.0, atol=1e-12)
    np.testing.assert_allclose(conv.forward(x), x @ weight, atol=1e-12)


def test_both_parameterizations_start_at_the_same_rotation():
    for size in (1, 2, 5, 48):
        lu = Invertible1x1Conv(size, "lu", seed=7, dtype=tf.float64)
        full = Invertible1x1Conv(size, "full", seed=7, dtype=tf.float64)
        np.testing.assert_allclose(lu.weight(), full.weight(), atol=1e-12)


def test_lu_is_equation_10():
    conv = Invertible1x1Conv(6, seed=3, dtype=tf.float64)
    rng = np.random.default_rng(1)
    for variable in conv.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    lower = np.tril(conv.lower.numpy(), -1) + np.eye(6)
    diagonal = np.diag(conv.sign.numpy() * np.exp(conv.log_s.numpy()))
    upper = np.triu(conv.upper.numpy(), 1) + diagonal
    expected = conv.permutation.numpy() @ lower @ upper
    np.testing.assert_allclose(conv.weight(), expected, atol=1e-12)
    np.testing.assert_allclose(conv.inverse_weight(), np.linalg.inv(expected), atol=1e-8)
    log_det = np.linalg.slogdet(expected)[1]
    np.testing.assert_allclose(conv.log_abs_det_weight(), log_det, rtol=1e-10)


def test_lu_agrees_with_scipy():
    weight = Invertible1x1Conv(6, "full", seed=3, dtype=tf.float64).w.numpy()
    conv = Invertible1x1Conv(6, "lu", seed=3, dtype=tf.float64)
    permutation, lower, upper = scipy.linalg.lu(weight)
    np.testing.assert_allclose(conv.permutation, permutation)
    np.testing.assert_allclose(np.tril(conv.lower, -1), np.tril(lower, -1), atol=1e-12)
    np.testing.assert_allclose(np.triu(conv.upper, 1), np.triu(upper, 1), atol=1e-12)
    np.testing.assert_allclose(conv.sign * np.exp(conv.log_s), np.diag(upper), atol=1e-12)


def test_permutation_and_signs_are_saved_but_not_trained():
    conv = Invertible1x1Conv(6, seed=3)
    assert set(conv.named_variables) == {"permutation", "sign", "lower", "upper", "log_s"}
    trained = {variable.name.partition(":")[0] for variable in conv.trainable_variables}
    assert trained == {"lower", "upper", "log_s"}
    assert len(Invertible1x1Conv(6, "full").trainable_variables) == 1


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_full_log_det_of_any_matrix(sign, x):
    # Of either sign of the determinant, and far from symmetric: tf.linalg.logdet gives NaN.
    weight = np.random.default_rng(2).normal(size=[6, 6])
    weight[0] *= sign * np.linalg.slogdet(weight)[0]
    conv = Invertible1x1Conv(6, "full", dtype=tf.float64)
    conv.w.assign(weight)
    assert np.linalg.slogdet(weight)[0] == sign
    log_det = conv.forward_log_det_jacobian(x)
    np.testing.assert_allclose(log_det, 6 * np.linalg.slogdet(weight)[1], rtol=1e-12)


def test_full_log_det_gradient_is_the_inverse_transposed():
    conv = Invertible1x1Conv(6, "full", seed=2, dtype=tf.float64)
    conv.w.assign(np.random.default_rng(2).normal(size=[6, 6]))
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            log_det = conv.log_abs_det_weight()
        gradient = inner.gradient(log_det, conv.w)
        square = tf.reduce_sum(gradient**2)
    np.testing.assert_allclose(gradient, np.linalg.inv(conv.w).T, rtol=1e-10)
    # And it can be differentiated again: d Σ (W⁻ᵀ)² / dW = −2 W⁻ᵀ W⁻¹ W⁻ᵀ.
    inverse = np.linalg.inv(conv.w)
    expected = -2 * inverse.T @ inverse @ inverse.T
    np.testing.assert_allclose(outer.gradient(square, conv.w), expected, rtol=1e-8)


def test_seed():
    weights = [Invertible1x1Conv(5, seed=seed).weight().numpy() for seed in (1, 1, 2)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert np.max(np.abs(weights[0] - weights[2])) > 0.1
    drawn = [Invertible1x1Conv(5).weight().numpy() for _ in range(2)]
    assert np.max(np.abs(drawn[0] - drawn[1])) > 0.1


def test_built_in_a_function():
    class Lazy(tf.Module):
        conv = None

        @tf.function
        def __call__(self, x):
            if self.conv is None:
                self.conv = Invertible1x1Conv(6, seed=3)
            return self.conv.forward(x)

    x = tf.ones([1, 1, 1, 6])
    expected = Invertible1x1Conv(6, seed=3).forward(x)
    np.testing.assert_allclose(Lazy()(x), expected, atol=1e-6)


@pytest.mark.parametrize("parameterization", ["LU", "", None, 1])
def test_unknown_parameterization(parameterization):
    with pytest.raises(ValueError, match=f"one of lu, full; got {parameterization!r}"):
        Invertible1x1Conv(4, parameterization)
