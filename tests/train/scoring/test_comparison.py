import numpy as np
import pytest
from sklearn import metrics

from train.scoring.comparison import (
    BASELINE,
    MEASURES,
    compare,
    measures,
    ranked,
    statistics_of,
)


@pytest.fixture(scope="module", name="values")
def _values():
    rng = np.random.default_rng(0)
    data = {"bits_per_dim": rng.normal(size=150), BASELINE: rng.normal(size=150)}
    anomalies = {"bits_per_dim": rng.normal(1.5, size=90), BASELINE: rng.normal(0.5, size=90)}
    return data, anomalies


def test_measures_are_what_they_are_called(values):
    data, anomalies = values
    found = compare(data, anomalies, num_samples=50)
    assert list(found) == list(data)
    for name in data:
        odd, plain = anomalies[name], data[name]
        wins = np.mean(odd[:, None] > plain[None, :])
        assert found[name]["auroc"].value == pytest.approx(wins)
        labels, scores = np.repeat([0, 1], [150, 90]), np.concatenate([plain, odd])
        precision = metrics.average_precision_score(labels, scores)
        assert found[name]["aupr_anomalies"].value == pytest.approx(precision)
        other = metrics.average_precision_score(1 - labels, -scores)
        assert found[name]["aupr_data"].value == pytest.approx(other)
        # The 86th largest of 90 anomalies is the first value that 95% reach.
        threshold = np.sort(odd)[::-1][85]
        assert found[name]["fpr_at_95_tpr"].value == pytest.approx(np.mean(plain >= threshold))


@pytest.mark.parametrize("ties", [3, 40, 10_000])
@pytest.mark.parametrize("sizes", [(1, 1), (30, 7), (7, 30), (200, 90)])
def test_measures_are_those_of_scikit_learn(sizes, ties):
    rng = np.random.default_rng(ties)
    # Ranks that nothing has, too, as in a bootstrap sample.
    data, anomalies = (
        rng.integers(low, ties + low, size=n) for n, low in zip(sizes, (0, 2), strict=True)
    )
    found = measures(*(np.bincount(own, minlength=ties + 4) for own in (data, anomalies)))
    labels, values = np.repeat([0, 1], sizes), np.concatenate([data, anomalies])
    false_rate, true_rate, _ = metrics.roc_curve(labels, values, drop_intermediate=False)
    expected = (
        metrics.roc_auc_score(labels, values),
        metrics.average_precision_score(labels, values),
        metrics.average_precision_score(1 - labels, -values),
        false_rate[np.argmax(true_rate >= 0.95)],
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_intervals_hold_the_numbers_and_are_of_their_size(values):
    found = compare(*values, num_samples=200)
    for name in values[0]:
        for measure in MEASURES:
            value, low, high = found[name][measure]
            assert 0 <= low <= value <= high <= 1
        area = found[name]["auroc"].value
        # Hanley and McNeil 1982, their bound of the variance.
        deviation = np.sqrt(area * (1 - area) / 90)
        assert (
            1.0 * deviation < found[name]["auroc"].high - found[name]["auroc"].low < 4.5 * deviation
        )


def test_the_difference_to_the_baseline_has_an_interval(values):
    found = compare(*values, num_samples=50)
    assert found[BASELINE]["auroc_above_baseline"] == (0.0, 0.0, 0.0)
    above = found["bits_per_dim"]["auroc_above_baseline"]
    expected = found["bits_per_dim"]["auroc"].value - found[BASELINE]["auroc"].value
    assert above.value == pytest.approx(expected) and above.low > 0


def test_what_is_no_number_is_the_oddest():
    is_anomaly, ranks = ranked(np.array([1.0, -np.inf, 1.0]), np.array([np.nan, np.inf]))
    np.testing.assert_array_equal(is_anomaly, [False, False, False, True, True])
    np.testing.assert_array_equal(ranks, [1, 0, 1, 2, 2])


def test_p_values_and_errors_are_not_compared():
    names = ["bits_per_dim", "bits_per_dim_error", "p_value", "p_value_density", "density"]
    assert list(statistics_of(dict.fromkeys(names, np.zeros(1)))) == ["bits_per_dim", "density"]
