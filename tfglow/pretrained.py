"""Trained models, wherever they come from."""

import dataclasses
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from tfglow import official
from tfglow.config import GlowConfig
from tfglow.glow import Glow
from tfglow.local_paths import checkpoint_prefix
from tfglow.runs.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """A trained model that was found, and may not be read yet.

    Made by `find_pretrained`.
    """

    # The model's configuration.
    config: GlowConfig
    # Which weights they are, in words.
    origin: str
    # Reads the model.
    load: Callable[[], Glow]
    # The configuration of the run that trained it; empty if that is not known.
    run_config: dict[str, Any] = dataclasses.field(default_factory=dict)


def load_glow(
    path: str | os.PathLike, weights: str | None = None, checkpoint: str | None = None
) -> Glow:
    """A trained model: of a run folder, of one of its checkpoints, or of a `.keras` file.

        glow = tfglow.load_glow("runs/fashion")

    Args:
      path: The run folder, the prefix of a checkpoint in it, or the file.
      weights: "averaged" for a run's moving average of the weights, "raw" for the weights
        themselves, or None: the averaged, or where the run kept no average the raw, with a warning.
      checkpoint: "best" for a run's best by evaluation, "latest", or None: the best, or where none
        was evaluated the latest.

    Raises:
      ValueError: If there is no such model, or it is damaged. Checkpoints of the official code do
        not say all of their configuration: `tfglow.official.load` reads them.

    Example:
      >>> glow.save("glow.keras")
      >>> again = tfglow.load_glow("glow.keras")
      >>> np.array_equal(again.encode(images), glow.encode(images))
      True
    """
    path = Path(checkpoint_prefix(path))
    if RunFolder(path).exists():
        return RunFolder.open(path).load_glow(weights, checkpoint)
    if checkpoint is not None or (weights is not None and path.suffix == ".keras"):
        raise ValueError(f"{str(path)!r} is no run folder to choose weights or a checkpoint from.")
    run = _run_of(path)
    if run is not None:
        return run.load_glow(weights, path)
    if path.suffix != ".keras" and _is_checkpoint(path):
        raise ValueError(
            f"{str(path)!r} is no run folder; tfglow.official.load reads checkpoints of the "
            "official code."
        )
    return find_pretrained(path).load()


def find_pretrained(
    path: str | os.PathLike,
    weights: str | None = None,
    *,
    image_size: tuple[int, int] | None = None,
    num_bits: int | None = None,
    weight_y: float | None = None,
) -> Pretrained:
    """A trained model: of a run, of a `.keras` file, or of a checkpoint of the official code.

    Args:
      path: A run folder, the prefix of a checkpoint in it, a `.keras` file, or the prefix of a
        checkpoint of the official code or its folder.
      weights: "averaged", "raw", or None: the averaged, or where there is no average the raw.
      image_size: Height and width of an image, which no official checkpoint says.
      num_bits: How many bits of a pixel were modelled, which it does not say either.
      weight_y: The classifier's weight, where it has a classifier.

    Raises:
      ValueError: If there is no such model, it is damaged, or what it does not say is not given.
    """
    path = Path(checkpoint_prefix(path))
    if path.suffix == ".keras":
        return _keras_file(path)
    run = _run_of(path)
    if run is not None:
        return _of_run(run, path, weights)
    if not _is_checkpoint(path):
        raise ValueError(
            f"There is no run folder, .keras file or checkpoint of the official code at "
            f"{str(path)!r}."
        )
    config = official.infer_config(
        str(path), image_size=image_size, num_bits=num_bits, weight_y=weight_y
    )
    averaged = weights == "averaged" or (weights is None and official.has_average(str(path)))
    kind = "averaged" if averaged else "raw"
    return Pretrained(
        config,
        f"the {kind} weights of the official checkpoint {str(path)!r}",
        lambda: official.load(str(path), config, averaged),
    )


def _keras_file(path: Path) -> Pretrained:
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{str(path)!r} is no readable .keras file.")
    glow = keras.models.load_model(path)
    if not isinstance(glow, Glow):
        raise ValueError(f"{str(path)!r} holds a {type(glow).__name__}, not a Glow.")
    return Pretrained(glow.config, f"the weights of {str(path)!r}", lambda: glow)


def _of_run(run: RunFolder, path: Path, weights: str | None) -> Pretrained:
    """Of the run's best checkpoint, or of the one whose prefix or folder `path` is."""
    found = run.saved_weights(None if path == run.path else path)
    saved = next(iter(found.values())) if weights is None else found.get(weights)
    if saved is None:
        raise ValueError(f"The run {str(run.path)!r} holds no {weights} weights.")
    return Pretrained(
        saved.config,
        f"the {saved.kind} weights of step {saved.step} of the run {str(run.path)!r}",
        saved.load,
        run.read_config(),
    )


def _run_of(path: Path) -> RunFolder | None:
    """The run whose folder, or checkpoint, `path` is."""
    if RunFolder(path).exists():
        return RunFolder(path)
    for parent in list(path.parents)[:3]:
        run = RunFolder(parent)
        inside = run.checkpoint_dir == path or run.checkpoint_dir in path.parents
        if run.exists() and inside and (path.is_dir() or _is_checkpoint(path)):
            return run
    return None


def _is_checkpoint(path: Path) -> bool:
    """Whether it is the prefix of a checkpoint's files, or a folder with some."""
    if path.is_dir():
        return any(path.glob("*.index"))
    return path.with_name(f"{path.name}.index").is_file()
