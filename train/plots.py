"""Pictures of a run: grids of samples, and its curves."""

import io
from typing import Any

import numpy as np

from tfglow import Glow
from tfglow.pictures.image_grid import image_grid
from tfglow.runs.files import replace_file
from tfglow.runs.run_folder import RunFolder
from train.pictures import encode_png


def sample_grid(
    glow: Glow, num: int, temperature: float, seed: int = 0, columns: int | None = None
) -> np.ndarray:
    """A picture of samples, uint8 `[height, width, C]`.

    The same seed draws the same latents, so that pictures of several epochs and temperatures show
    the same samples growing. A conditional model shows class after class, again and again.
    """
    labels = None
    if glow.config.num_classes:
        labels = np.arange(num, dtype=np.int32) % glow.config.num_classes
        columns = columns or min(glow.config.num_classes, 10)
    images = glow.sample(num, temperature, labels=labels, seed=seed).numpy()
    return image_grid(visible(images), columns)


def visible(images: np.ndarray) -> np.ndarray:
    """Images of any number of channels as grey or RGB ones: the first channel, or three."""
    channels = images.shape[-1]
    return images[..., : 3 if channels >= 3 else 1]


def write_samples(run: RunFolder, picture: np.ndarray, epoch: int, temperature: float) -> None:
    """Writes a grid of samples into the run's `samples/`."""
    run.samples_dir.mkdir(exist_ok=True)
    name = f"epoch_{epoch:04d}_temperature_{temperature:.2f}.png"
    replace_file(run.samples_dir / name, encode_png(picture))


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
        axes.axhline(baseline, color="grey", linestyle="--", label="Gaussian, full covariance")
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
