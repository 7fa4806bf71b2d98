"""The picture of a run's curves."""

import io
from typing import Any

import numpy as np

from tfglow.runs import RunFolder
from tfglow.whole_files import replace_file


def write_curves(run: RunFolder, baseline: float | None = None) -> None:
    """Draws `curves.png` from the run's `metrics.jsonl`.

    Args:
      run: The run's folder.
      baseline: Bits per dimension of a Gaussian, as a line to compare with.
    """
    lines = run.metrics()
    if not lines:
        return
    # Imported here: it is slow, and the backend must be set without touching a program's own.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    curves = {
        "train_bits_per_dim": "train",
        "eval_bits_per_dim": "evaluation, averaged weights",
        "eval_bits_per_dim_raw": "evaluation, raw weights",
    }
    shown: list[float] = []
    for name, label in curves.items():
        points = _points(lines, name)
        if points:
            epochs, bits = zip(*points, strict=True)
            axes.plot(epochs, bits, marker="." if len(points) < 50 else "", label=label)
            shown += bits
    if baseline is not None:
        # With its number: the line may be above what is shown.
        label = f"Gaussian, full covariance: {baseline:.2f}"
        axes.axhline(baseline, color="grey", linestyle="--", label=label)
        shown.append(baseline)
    # The first epochs are far above the rest, which is what one wants to see.
    low, high = min(shown), np.percentile(shown, 95)
    margin = 0.05 * max(high - low, 1e-3)
    axes.set_ylim(low - margin, high + margin)
    axes.set(xlabel="epoch", ylabel="bits per dimension")
    axes.grid(alpha=0.3)
    axes.legend()
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=120)
    replace_file(run.curves_path, file.getvalue())


def _points(lines: list[dict[str, Any]], name: str) -> list[tuple[int, float]]:
    return [(line["epoch"], line[name]) for line in lines if line.get(name) is not None]
