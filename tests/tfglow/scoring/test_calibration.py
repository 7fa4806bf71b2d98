import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfglow.scoring.calibration import Calibration
from tfglow.scoring.scores import SCORES


def statistics(num, seed):
    rng = np.random.default_rng(seed)
    levels = rng.normal(2.0, 0.2, (2, num))
    complexity = rng.normal(4.0, 0.5, num)
    return {
        "bits_per_dim": levels.sum(0),
        "bits_level_0": levels[0],
        "bits_level_1": levels[1],
        "squared_norm_level_0": 100 * levels[0] + rng.normal(size=num),
        "squared_norm_level_1": rng.normal(50, 5, num),
        "complexity_png": complexity,
        "bits_minus_complexity": levels.sum(0) - complexity,
    }


@pytest.fixture(scope="module", name="calibration")
def _calibration():
    return Calibration.fit(statistics(1000, 0), "typicality", 1, 3)


def apply(calibration, values):
    """In batches, as images come: the density of 4,000 at once takes 400 MB."""
    parts = [
        calibration.apply(
            {name: tf.constant(value[start : start + 500]) for name, value in values.items()}
        )
        for start in range(0, len(values["bits_per_dim"]), 500)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def test_p_values_are_as_defined(calibration):
    values = statistics(50, 1)
    result = apply(calibration, values)
    assert np.all(result["p_value"] == result["p_value_typicality"])
    expected = np.abs(values["bits_per_dim"] - calibration.mean_bits_per_dim)
    np.testing.assert_allclose(result["typicality"], expected)
    for name, score in (("typicality", expected), ("bits_per_dim", values["bits_per_dim"])):
        held = calibration.scores[name]
        assert len(held) == 500
        at_least = (held[None, :] >= score[:, None]).sum(1)
        np.testing.assert_array_equal(result[f"p_value_{name}"], (1 + at_least) / 501)


def test_a_p_value_that_is_alpha_is_at_most_alpha_in_a_graph_too():
    calibration = Calibration.fit(statistics(98, 0), "bits_per_dim", 1, 3)
    values = {name: tf.constant(value) for name, value in statistics(500, 1).items()}
    result = tf.function(calibration.apply, autograph=False)(values)
    shares = np.arange(1, 51) / 50
    for name in SCORES:
        assert np.isin(result[f"p_value_{name}"].numpy(), shares).all(), name


def test_p_values_of_images_like_the_calibrations_are_uniform(calibration):
    result = apply(calibration, statistics(4000, 2))
    for name in SCORES:
        p_values = result[f"p_value_{name}"]
        for alpha in (0.01, 0.05, 0.1):
            # Binomial over images, and over the calibration: the level of a threshold that 500
            # images set has the variance of a Beta distribution.
            deviation = np.sqrt(alpha * (1 - alpha) * (1 / 4000 + 1 / 501))
            assert abs(np.mean(p_values <= alpha) - alpha) < 4 * deviation, (name, alpha)
        assert stats.kstest(p_values, "uniform").statistic < 0.09


def test_odd_images_have_small_p_values(calibration):
    odd = statistics(3, 4)
    odd["bits_per_dim"] = np.array([20.0, 0.1, np.nan])
    odd["bits_level_0"] = np.array([18.0, 0.05, np.nan])
    odd["bits_minus_complexity"] = odd["bits_per_dim"] - odd["complexity_png"]
    result = apply(calibration, odd)
    np.testing.assert_array_equal(result["p_value_typicality"], [1 / 501] * 3)
    np.testing.assert_array_equal(result["p_value_density"], [1 / 501] * 3)
    np.testing.assert_array_equal(result["p_value_bits_per_dim"][[0, 2]], [1 / 501] * 2)
    assert result["p_value_bits_per_dim"][1] == 1.0  # The failure of plain likelihood.
    assert result["typicality"][2] == np.inf


def test_comes_back_from_its_dictionary(calibration):
    again = Calibration.from_dict(calibration.to_dict())
    values = statistics(9, 5)
    for name, value in apply(calibration, values).items():
        np.testing.assert_array_equal(apply(again, values)[name], value)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"at least 40 images .* got 39"):
        Calibration.fit(statistics(39, 0), "density", 1, 0)
    bad = statistics(60, 0)
    bad["bits_per_dim"][[7, 9]] = np.inf
    with pytest.raises(ValueError, match=r"Of 60 images, 2 without .* the first number 7"):
        Calibration.fit(bad, "density", 1, 0)
