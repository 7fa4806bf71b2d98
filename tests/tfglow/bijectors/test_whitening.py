import numpy as np

from tfglow.bijectors.whitening import unwhiten, whiten


def test_formula_and_inverse():
    z, mean, log_scale = np.random.default_rng(0).normal(size=[3, 2, 3, 4])
    eps = whiten(z, mean, log_scale)
    np.testing.assert_allclose(eps, (z - mean) / np.exp(log_scale), rtol=1e-12)
    np.testing.assert_allclose(unwhiten(eps, mean, log_scale), z, rtol=1e-12)
