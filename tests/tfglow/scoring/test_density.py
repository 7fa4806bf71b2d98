import json

import numpy as np
import pytest
import tensorflow as tf

from tfglow.scoring.density import StatisticsDensity

stats = pytest.importorskip("scipy.stats", reason="SciPy, which fits the density, is not here.")


def table(num=60, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(3.0, 0.1, num), rng.normal(-200.0, 30.0, num)
    return {"a": a, "b": b, "c": 0.4 * a + rng.normal(size=num)}


def test_is_scipys_in_whitened_coordinates():
    fitted, other = table(), table(20, seed=1)
    density = StatisticsDensity.fit(fitted)
    expected = stats.gaussian_kde(np.stack(list(fitted.values()))).logpdf(
        np.stack(list(other.values()))
    )
    # Whitening changes volumes by one factor.
    difference = density.log_prob(other).numpy() - expected
    np.testing.assert_allclose(difference, np.full(20, difference[0]), atol=1e-8)
    volume = np.linalg.slogdet(density.whitening)[1]
    np.testing.assert_allclose(difference[0], -volume, rtol=1e-8)


def test_what_does_not_vary_is_left_out():
    fitted, other = table(), table(20, seed=1)
    more = {**fitted, "constant": np.full(60, 7.0), "sum": fitted["a"] + 2 * fitted["b"]}
    further = {**other, "constant": np.full(20, 7.0), "sum": other["a"] + 2 * other["b"]}
    density = StatisticsDensity.fit(more)
    assert density.points.shape == (60, 3)
    assert np.corrcoef(density.log_prob(further), StatisticsDensity.fit(fitted).log_prob(other))[
        0, 1
    ] == pytest.approx(1, abs=0.02)
    with pytest.raises(ValueError, match="Of a, b nothing varies"):
        StatisticsDensity.fit({"a": np.ones(50), "b": np.full(50, 2.0)})


def test_far_away_is_finite_and_odder_the_further():
    density = StatisticsDensity.fit(table())
    far = {name: np.array([values.mean(), values.mean() * 100, values.mean() * 1e6])
           for name, values in table().items()}  # fmt: skip
    log_prob = density.log_prob(far).numpy()
    assert np.all(np.isfinite(log_prob)) and np.all(np.diff(log_prob) < -1e3)


def test_many_images_make_as_many_kernels_as_are_kept_and_json_holds_all():
    density = StatisticsDensity.fit(table(5000))
    assert density.points.shape == (2000, 3)
    again = StatisticsDensity.from_dict(json.loads(json.dumps(density.to_dict())))
    other = {name: tf.constant(values) for name, values in table(9, seed=2).items()}
    np.testing.assert_array_equal(again.log_prob(other), density.log_prob(other))
