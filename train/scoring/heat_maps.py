"""Pictures of where an image is unlikely."""

import os
import re
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tfglow.pictures.image_grid import image_grid
from tfglow.writing import writing
from train.pictures import encode_png, grey_or_rgb
from train.scoring.image_set import Batch

# The scale leaves out so many percent of the pixels at each end.
_PERCENT = 0.5
# So many pixels, evenly taken, say where it ends.
_SAMPLED = 1_000_000
_COLOURS = "viridis"


class HeatMaps:
    """Writes a picture an image: the image beside −log p of its pixels, in nats.

    All have one scale, which `scale.png` shows; so it is known only when all images are. Until then
    they and their nats are in a file beside, not in memory.

    Args:
      folder: The folder to write to, which is made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._record = np.dtype([])
        self._names: list[str] = []
        self._held = folder / ".nats"
        with writing(folder):
            folder.mkdir()
            self._file: BinaryIO = self._held.open("wb")

    def add(self, name: str, batch: Batch, places: np.ndarray) -> None:
        """Takes the images of a batch of the set `name`, and log p of their pixels `[B, H, W]`."""
        shapes = batch.images.shape[1:], places.shape[1:]
        self._record = np.dtype([("image", np.uint8, shapes[0]), ("nats", "<f4", shapes[1])])
        records = np.empty(len(places), self._record)
        records["image"], records["nats"] = batch.images, -places
        with writing(self._folder):
            self._file.write(records.tobytes())
            self._file.flush()
        self._names += [f"{name}_{_file_name(image)}" for image in batch.names]

    def write(self) -> tuple[float, float]:
        """Writes all pictures; returns the ends of the scale in nats."""
        from matplotlib import colormaps

        with writing(self._folder):
            self._file.close()
        records = np.memmap(self._held, self._record, "r")
        low, high = _scale(records["nats"])
        colours = (255 * colormaps[_COLOURS](np.linspace(0, 1, 256))[:, :3]).astype(np.uint8)
        for number, (name, record) in enumerate(zip(self._names, records, strict=True)):
            share = (np.nan_to_num(record["nats"], nan=high) - low) / (high - low)
            heat = colours[np.clip(255 * share, 0, 255).astype(np.uint8)]
            image = grey_or_rgb(record["image"][None])[0]
            image = np.broadcast_to(image, heat.shape)
            picture = encode_png(image_grid(np.stack([image, heat]), columns=2))
            with writing(self._folder):
                (self._folder / f"{number:06d}_{name}.png").write_bytes(picture)
        del records
        self._held.unlink()
        with writing(self._folder):
            (self._folder / "scale.png").write_bytes(_scale_picture(low, high))
        return low, high


def _scale(nats: np.ndarray) -> tuple[float, float]:
    flat = nats.reshape(-1)
    sample = flat[:: max(1, flat.size // _SAMPLED)]
    sample = sample[np.isfinite(sample)]
    low, high = np.percentile(sample, [_PERCENT, 100 - _PERCENT]) if sample.size else (0.0, 1.0)
    return float(low), float(max(high, low + 1e-6))


def _scale_picture(low: float, high: float) -> bytes:
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 1), layout="constrained")
    FigureCanvasAgg(figure)
    mappable = ScalarMappable(Normalize(low, high), _COLOURS)
    figure.colorbar(mappable, figure.add_subplot(), orientation="horizontal", label="nats a pixel")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()


def _file_name(image: str) -> str:
    """The end of a file's name, or an image's number, in letters that any system takes."""
    stem = os.path.splitext(os.path.basename(image))[0]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", stem)[:60]
