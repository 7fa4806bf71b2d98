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
    seed: int = 0,
    progress: Callable[[int], None] = lambda step: None,
) -> dict[str, dict[str, Interval]]:
    """`MEASURES` of every statistic, and `auroc_above_baseline`: its AUROC less the baseline's.

    Intervals are over images: bootstrap samples of each set, the same for all statistics, so that
    the difference has an interval of its own. Values that are NaN count as the largest.

    Args:
      data: Values of ordinary images by statistic, `[N]` each.
      anomalies: Values of anomalies, `[M]` each.
      num_samples: How many bootstrap samples are drawn.
      seed: The seed of what is drawn.
      progress: Called after each statistic with 1.
    """
    result: dict[str, dict[str, Interval]] = {}
    aurocs: dict[str, np.ndarray] = {}
    for name in sorted(data, key=lambda name: name != BASELINE):
        is_anomaly, ranks = ranked(data[name], anomalies[name])
        sizes = len(data[name]), len(anomalies[name])
        rng = np.random.default_rng(seed)
        samples = np.empty([num_samples, len(MEASURES)])
        for row in samples:
            drawn = np.concatenate(
                [
                    rng.integers(sizes[0], size=sizes[0]),
                    sizes[0] + rng.integers(sizes[1], size=sizes[1]),
                ]
            )
            row[:] = _measures(is_anomaly, ranks[drawn])
        found = _measures(is_anomaly, ranks)
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


def _measures(is_anomaly: np.ndarray, ranks: np.ndarray) -> tuple[float, float, float, float]:
    """Those of `MEASURES`."""
    from sklearn import metrics

    false_rate, true_rate, _ = metrics.roc_curve(is_anomaly, ranks, drop_intermediate=False)
    return (
        metrics.auc(false_rate, true_rate),
        metrics.average_precision_score(is_anomaly, ranks),
        metrics.average_precision_score(~is_anomaly, -ranks),
        false_rate[np.argmax(true_rate >= 0.95)],
    )
