"""How well a statistic tells anomalies from other images."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from train.scoring.interval import Interval
from train.scoring.progress import ScoreProgress

# What every other statistic is held against: it needs no model.
BASELINE = "complexity_png"
# What `compare` gives of a statistic; in words, for the report.
MEASURES = {
    "auroc": "how often an anomaly's value is larger than that of an image of --data",
    "aupr_anomalies": "average precision of finding the anomalies by large values",
    "aupr_data": "average precision of finding the images of --data by small values",
    "fpr_at_95_tpr": "share of --data above the value that 95% of the anomalies reach",
}


def statistics_of(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Of an image's numbers those by which sets can be told apart: no p-values, no errors."""
    return {
        name: value
        for name, value in values.items()
        if not name.startswith("p_value") and not name.endswith("_error")
    }


def comparison_report(
    values: Mapping[str, Mapping[str, np.ndarray]], num_samples: int
) -> dict[str, Any]:
    """`compare` of the sets "data" and "anomalies", for the report, with what it means."""
    data, anomalies = statistics_of(values["data"]), statistics_of(values["anomalies"])
    progress = ScoreProgress("Bootstrap samples of statistics", len(data), "statistic")
    found = compare(data, anomalies, num_samples=num_samples, progress=progress)
    progress.close()
    return {
        "measures": MEASURES,
        "baseline": BASELINE,
        "bootstrap_samples": num_samples,
        "statistics": found,
    }


def compare(
    data: Mapping[str, np.ndarray],
    anomalies: Mapping[str, np.ndarray],
    *,
    num_samples: int = 200,
    progress: Callable[[int], None] = lambda step: None,
) -> dict[str, dict[str, Interval]]:
    """`MEASURES` of every statistic, and `auroc_above_baseline`: its AUROC less the baseline's.

    Intervals are over images: bootstrap samples of each set, the same for all statistics, so that
    the difference has an interval of its own. Values that are NaN count as the largest.

    Args:
      data: Values of ordinary images by statistic, `[N]` each.
      anomalies: Values of anomalies, `[M]` each.
      num_samples: How many bootstrap samples are drawn.
      progress: Called after each statistic with 1.
    """
    result: dict[str, dict[str, Interval]] = {}
    aurocs: dict[str, np.ndarray] = {}
    for name in sorted(data, key=lambda name: name != BASELINE):
        is_anomaly, ranks = ranked(data[name], anomalies[name])
        sets = ranks[~is_anomaly], ranks[is_anomaly]
        distinct = ranks.max() + 1
        rng = np.random.default_rng(0)
        samples = np.empty([num_samples, len(MEASURES)])
        for row in samples:
            drawn = [own[rng.integers(len(own), size=len(own))] for own in sets]
            row[:] = measures(*(np.bincount(own, minlength=distinct) for own in drawn))
        found = measures(*(np.bincount(own, minlength=distinct) for own in sets))
        result[name] = {
            measure: Interval.of(found[i], samples[:, i]) for i, measure in enumerate(MEASURES)
        }
        aurocs[name] = np.append(samples[:, 0], found[0])
        difference = aurocs[name] - aurocs[BASELINE]
        result[name]["auroc_above_baseline"] = Interval.of(difference[-1], difference[:-1])
        progress(1)
    return {name: result[name] for name in data}


def ranked(data: np.ndarray, anomalies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which values are anomalies', bool `[N + M]`, and all ranks, int `[N + M]`, equal for equals.

    No measure depends on more than ranks, and they are finite. NaN counts as the largest.
    """
    values = np.concatenate([data, anomalies]).astype(np.float64)
    values = np.where(np.isnan(values), np.inf, values)
    ranks = np.unique(values, return_inverse=True)[1]
    return np.arange(len(values)) >= len(data), ranks


def auroc(data: np.ndarray, anomalies: np.ndarray) -> float:
    """How often an anomaly's value is larger, and half of how often it is the same.

    Args:
      data: How many ordinary values there are of each rank, `[R]`.
      anomalies: How many anomalous ones.
    """
    below = np.cumsum(data) - data / 2
    return float(anomalies @ below / (np.sum(data) * np.sum(anomalies)))


def measures(data: np.ndarray, anomalies: np.ndarray) -> tuple[float, float, float, float]:
    """Those of `MEASURES`, as scikit-learn defines them, which takes thirty to fifty times as long.

    Nearly all of its time goes into checking arguments, and there are hundreds of samples.

    Args:
      data: How many images of --data have the value of each rank, `[R]`.
      anomalies: How many anomalies.
    """
    # Those whose value is a rank's or larger.
    wrong, right = (np.cumsum(counts[::-1])[::-1] for counts in (data, anomalies))
    reached = np.flatnonzero(right / right[0] >= 0.95)[-1]
    return (
        auroc(data, anomalies),
        _average_precision(anomalies, right, wrong),
        _average_precision(data, np.cumsum(data), np.cumsum(anomalies)),
        float(wrong[reached] / wrong[0]),
    )


def _average_precision(counts: np.ndarray, right: np.ndarray, wrong: np.ndarray) -> float:
    """The mean over those that are to be found, of the share of such among all up to there."""
    precision = right / np.maximum(right + wrong, 1)
    return float(counts @ precision / np.sum(counts))
