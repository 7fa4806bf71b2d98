"""Figures of a comparison of two sets of images."""

import io
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from train.scoring.comparison import ranked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BINS = 40
# Beyond these percentiles of both sets there is nothing to see.
_SHOWN = (0.5, 99.5)


def histograms(data: Mapping[str, np.ndarray], anomalies: Mapping[str, np.ndarray]) -> bytes:
    """A PNG file: every statistic of both sets, `[N]` and `[M]` by name."""
    columns = min(3, len(data))
    rows = math.ceil(len(data) / columns)
    figure = _figure(4 * columns, 2.6 * rows)
    for number, name in enumerate(data, start=1):
        axes = figure.add_subplot(rows, columns, number)
        values = [part[name][np.isfinite(part[name])] for part in (data, anomalies)]
        both = np.concatenate(values)
        low, high = np.percentile(both, _SHOWN) if both.size else (0.0, 1.0)
        edges = np.linspace(low, max(high, low + 1e-6), _BINS + 1)
        for part, label in zip(values, ("data", "anomalies"), strict=True):
            counts, _ = np.histogram(np.clip(part, low, edges[-1]), edges)
            # Shares: the sets may differ in size. (One shape each, where `hist` draws forty.)
            axes.stairs(counts / max(1, len(part)), edges, fill=True, alpha=0.6, label=label)
        axes.set(title=name, ylabel="share")
        axes.legend(loc="upper right")
    return _png(figure)


def curves(data: Mapping[str, np.ndarray], anomalies: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    """PNG files `roc` and `precision_recall` of every statistic; anomalies have large values."""
    from sklearn import metrics

    roc, precision_recall = _figure(8, 5), _figure(8, 5)
    axes = roc.add_subplot(), precision_recall.add_subplot()
    axes[0].set(xlabel="share of data above a value", ylabel="share of anomalies above it")
    axes[1].set(xlabel="recall of anomalies", ylabel="precision")
    for number, name in enumerate(data):
        is_anomaly, ranks = ranked(data[name], anomalies[name])
        style = ("-", "--", ":")[number // 10 % 3]  # There are ten colours.
        false_rate, true_rate, _ = metrics.roc_curve(is_anomaly, ranks)
        axes[0].plot(false_rate, true_rate, style, label=name)
        precision, recall, _ = metrics.precision_recall_curve(is_anomaly, ranks)
        axes[1].plot(recall, precision, style, drawstyle="steps-post", label=name)
    for figure, own in zip((roc, precision_recall), axes, strict=True):
        own.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        own.grid(alpha=0.3)
        figure.legend(loc="outside right upper", fontsize="small")
    return {"roc": _png(roc), "precision_recall": _png(precision_recall)}


def _figure(width: float, height: float) -> "Figure":
    # Imported here: it is slow, and the backend must be set without touching a program's own.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: "Figure") -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()
