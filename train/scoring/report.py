"""What is known of two sets of images, as numbers, pictures and a table."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfglow.scoring.scores import SCORES
from tfglow.whole_files import replace_file
from train.scoring import figures
from train.scoring.comparison import statistics_of
from train.scoring.interval import Interval

_ALPHAS = (0.01, 0.05, 0.1)


def detection_rates(values: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """Of each set the share of images whose p-value is at most 0.01, 0.05 and 0.1, by score.

    Of --data that is the rate of false alarms, of anomalies that of finding them. With 95%
    intervals (Wilson).
    """
    return {
        name: {score: _shares(found[f"p_value_{score}"]) for score in SCORES}
        for name, found in values.items()
    }


def _shares(p_values: np.ndarray) -> dict[str, Interval]:
    from scipy import stats

    shares = {}
    for alpha in _ALPHAS:
        count = int(np.sum(p_values <= alpha))
        found = stats.binomtest(count, len(p_values)).proportion_ci(method="wilson")
        shares[str(alpha)] = Interval(count / len(p_values), float(found.low), float(found.high))
    return shares


def write_report(folder: Path, report: dict[str, Any]) -> None:
    """Writes `report.json`; intervals are {"value", "low", "high"}."""
    text = json.dumps(_plain(report), indent=2, allow_nan=False)
    replace_file(folder / "report.json", text + "\n")


def write_figures(folder: Path, values: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Writes `histograms.png`, `roc.png` and `precision_recall.png` of both sets' values."""
    data, anomalies = statistics_of(values["data"]), statistics_of(values["anomalies"])
    replace_file(folder / "histograms.png", figures.histograms(data, anomalies))
    for name, content in figures.curves(data, anomalies).items():
        replace_file(folder / f"{name}.png", content)


def _plain(value: Any) -> Any:
    if isinstance(value, Interval):
        return {name: round(number, 6) for name, number in value._asdict().items()}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return value
