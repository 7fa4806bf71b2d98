"""The folder that a training run writes, and that evaluation and export read.

TensorFlow is imported where checkpoints are read: that there is no run is said without it.
"""

import contextlib
import dataclasses
import errno
import json
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tfglow.config import GlowConfig
from tfglow.local_paths import check_local_path
from tfglow.saved_format import FORMAT, check_format
from tfglow.whole_files import remove_unfinished, replace_file
from tfglow.writing import writing

if TYPE_CHECKING:
    from tfglow.glow import Glow
    from tfglow.runs.saved_weights import SavedWeights

BEST, LATEST = "best", "latest"

Parsed = TypeVar("Parsed")


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """Where everything in a run folder is.

    `config.json` holds the run's configuration, the model's under the key "model", and the folder's
    format. Checkpoints are written by `tf.train.Checkpoint(glow=…, average=…, …)`, the last ones in
    `checkpoints/` and the best one by evaluation in `checkpoints/best/`.

        glow = RunFolder.open("runs/fashion").load_glow()

    Raises:
      ValueError: If `path` is a URL.

    Example:
      >>> run = tfglow.runs.RunFolder.create("run", {"model": glow.config.to_dict()})
      >>> run.save_glow(glow)
      >>> again = tfglow.runs.RunFolder.open("run").load_glow("raw")
      >>> np.array_equal(again.encode(images), glow.encode(images))
      True
    """

    path: Path

    def __post_init__(self) -> None:
        check_local_path(self.path, "The run folder")

    @classmethod
    def create(cls, path: str | os.PathLike, config: dict[str, Any]) -> "RunFolder":
        """Makes the folder and writes its `config.json`, before anything else is in it.

        Raises:
          ValueError: If `path` is a run folder already, or holds something else, or is a URL.
        """
        cls.check_new(path)
        run = cls(Path(path))
        with _errors_naming(run.path):
            run.path.mkdir(parents=True, exist_ok=True)
            # A process that was killed here before had not come further than this file.
            remove_unfinished(run.path, run.config_path.name)
            run.write_config(config)
        return run

    @classmethod
    def check_new(cls, path: str | os.PathLike) -> None:
        """Refuses a path that `create` would refuse, and makes nothing.

        Raises:
          ValueError: If `create` would.
        """
        check_local_path(path, "The run folder")
        run = cls(Path(path))
        if run.exists():
            raise ValueError(f"{str(path)!r} is a run folder already.")
        with _errors_naming(run.path):
            places = (run.path, *run.path.absolute().parents)
            above = next(place for place in places if place.exists())
            if not above.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if not os.access(above, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            unfinished = f".{run.config_path.name}."
            inside = run.path.iterdir() if run.path.is_dir() else ()
            if not all(child.name.startswith(unfinished) for child in inside):
                raise ValueError(
                    f"{str(path)!r} holds files but no config.json: it is not a run folder, and "
                    "not an empty one to start a run in."
                )

    @classmethod
    def open(cls, path: str | os.PathLike) -> "RunFolder":
        """The folder of an existing run.

        Raises:
          ValueError: If it is not one.
        """
        check_local_path(path, "The run folder")
        run = cls(Path(path))
        if not run.path.is_dir():
            raise ValueError(f"There is no run folder {str(path)!r}.")
        if not run.exists():
            raise ValueError(f"{str(path)!r} is not a run folder: it has no config.json.")
        return run

    def exists(self) -> bool:
        """Whether it is a run folder."""
        return self.config_path.is_file()

    @property
    def config_path(self) -> Path:
        """The run's configuration, JSON."""
        return self.path / "config.json"

    @property
    def checkpoint_dir(self) -> Path:
        """The folder of the last checkpoints."""
        return self.path / "checkpoints"

    @property
    def best_checkpoint_dir(self) -> Path:
        """The folder of the best checkpoint by evaluation."""
        return self.checkpoint_dir / "best"

    @property
    def metrics_path(self) -> Path:
        """The numbers of every epoch, a line of JSON each."""
        return self.path / "metrics.jsonl"

    @property
    def config_changes_path(self) -> Path:
        """What changed in the configuration when the run went on, a line of JSON a time."""
        return self.path / "config_changes.jsonl"

    @property
    def tensorboard_dir(self) -> Path:
        """The folder of TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def samples_dir(self) -> Path:
        """The folder of pictures of samples."""
        return self.path / "samples"

    @property
    def skipped_images_path(self) -> Path:
        """The image files that could not be read and are left out, a line of JSON each."""
        return self.path / "skipped_images.jsonl"

    @property
    def curves_path(self) -> Path:
        """The picture of the training curves."""
        return self.path / "curves.png"

    def remove_unfinished(self) -> None:
        """Removes what a process that was killed was writing; nobody else may be writing here."""
        from tfglow.runs.checkpoints import remove_unfinished_checkpoints

        for folder in (self.path, self.samples_dir):
            remove_unfinished(folder)
        for folder in (self.checkpoint_dir, self.best_checkpoint_dir):
            remove_unfinished_checkpoints(folder)

    def write_config(self, config: dict[str, Any]) -> None:
        """Writes `config.json`: the configuration, and the folder's format."""
        values = {"format": FORMAT, **config}
        replace_file(self.config_path, json.dumps(values, indent=2) + "\n")

    def read_config(self) -> dict[str, Any]:
        """The run's configuration.

        Raises:
          ValueError: If `config.json` is damaged, has no model in it, or is of another format.
        """
        try:
            config = json.loads(self.config_path.read_text(encoding="utf-8"))
            if not isinstance(config["model"], dict):
                raise TypeError
            found = int(config.pop("format", 1))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{str(self.config_path)!r} is not the configuration of a run."
            ) from error
        check_format(found, repr(str(self.config_path)))
        return config

    def model_config(self) -> GlowConfig:
        """The configuration of the run's model."""
        return self.parsed_config(lambda config: GlowConfig.from_dict(config["model"]))

    def parsed_config(self, parse: Callable[[dict[str, Any]], Parsed]) -> Parsed:
        """What `parse` makes of the run's configuration.

        Raises:
          ValueError: If it is refused, as after an edit by hand: the error names the file.
        """
        config = self.read_config()
        try:
            return parse(config)
        except ValueError as error:
            raise ValueError(f"In {str(self.config_path)!r}: {error}") from error

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl`; a last one that a crash cut short is left out."""
        return _read_lines(self.metrics_path)

    def config_changes(self) -> list[dict[str, Any]]:
        """The lines of `config_changes.jsonl`: `step`, `time`, and `field: [before, after]`."""
        return _read_lines(self.config_changes_path)

    def append_change(self, change: dict[str, Any]) -> None:
        """Adds a line to `config_changes.jsonl`."""
        lines = [*self.config_changes(), change]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        replace_file(self.config_changes_path, text)

    def checkpoint(self, which: str | Path | None = None) -> str:
        """The prefix of a checkpoint's files.

        Args:
          which: "best" by evaluation, "latest", or None: the best, or where none was evaluated
            the latest. A path is a checkpoint's prefix, or the folder whose newest is taken.

        Raises:
          ValueError: If there is no such checkpoint.
        """
        from tfglow.runs.checkpoints import list_checkpoints

        if isinstance(which, Path):
            if not which.is_dir():
                return str(which)
            if found := list_checkpoints(which):
                return found[-1]
            raise ValueError(f"There is no checkpoint in {str(which)!r}.")
        folders = {BEST: self.best_checkpoint_dir, LATEST: self.checkpoint_dir}
        if which is not None and which not in folders:
            raise ValueError(f"A checkpoint must be one of best, latest; got {which!r}.")
        for name, folder in folders.items():
            found = list_checkpoints(folder) if which in (None, name) else []
            if found:
                return found[-1]
        raise ValueError(f"The run {str(self.path)!r} has no {which or 'saved'} checkpoint.")

    def saved_weights(self, checkpoint: str | Path | None = None) -> "dict[str, SavedWeights]":
        """All weights of the model that a checkpoint holds, by their kind.

        Args:
          checkpoint: "best", "latest", a path or None, as for `checkpoint`.

        Returns:
          "averaged", the moving average of the weights, first and only where the run kept one; and
          "raw", the weights themselves.

        Raises:
          ValueError: If there is no such checkpoint, or it is damaged.
        """
        from tfglow.runs.checkpoints import has_average
        from tfglow.runs.saved_weights import SavedWeights

        prefix = self.checkpoint(checkpoint)
        kinds = ("averaged", "raw") if has_average(prefix) else ("raw",)
        config = self.model_config()
        return {kind: SavedWeights(config, prefix, kind) for kind in kinds}

    def find_weights(
        self, weights: str | None = None, checkpoint: str | Path | None = None
    ) -> "SavedWeights":
        """The weights that are asked for.

        Args:
          weights: "averaged", "raw", or None: the averaged, or where the run kept no average the
            raw, with a warning.
          checkpoint: "best", "latest", a path or None, as for `checkpoint`.

        Raises:
          ValueError: If there are none, or the checkpoint is damaged.
        """
        if weights not in (None, "averaged", "raw"):
            raise ValueError(f"`weights` must be one of averaged, raw; got {weights!r}.")
        found = self.saved_weights(checkpoint)
        if weights is None:
            if "averaged" not in found:
                warnings.warn(
                    f"The checkpoint {found['raw'].prefix!r} holds no moving average of the "
                    'weights: these are the weights themselves, as weights="raw" asks for.',
                    stacklevel=2,
                )
            return next(iter(found.values()))
        if weights not in found:
            raise ValueError(
                f"The checkpoint {found['raw'].prefix!r} holds no moving average of the weights, "
                "only the weights themselves, the raw ones."
            )
        return found[weights]

    def load_glow(self, weights: str | None = None, checkpoint: str | Path | None = None) -> "Glow":
        """The run's model with its weights: `find_weights(...).load()`."""
        return self.find_weights(weights, checkpoint).load()

    def save_glow(self, glow: "Glow", average: "Glow | None" = None, step: int = 0) -> None:
        """Saves a model that was not trained here, as the run's only checkpoint.

        Args:
          glow: The model.
          average: The same model with the moving average of its weights, if there is one.
          step: The training step that the checkpoint is named after.
        """
        import tensorflow as tf

        from tfglow.runs.checkpoints import AVERAGE, MODEL

        models = {MODEL: glow} if average is None else {MODEL: glow, AVERAGE: average}
        manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(**models), str(self.checkpoint_dir), max_to_keep=1
        )
        with writing(self.checkpoint_dir / f"ckpt-{step}"):
            manager.save(checkpoint_number=step)


@contextlib.contextmanager
def _errors_naming(path: Path) -> Iterator[None]:
    """Turns an error of the file system into one sentence that names the folder."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"Cannot make a run folder of {str(path)!r}: {error.strerror}.") from error


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of JSON; a last one that a crash cut short is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    # What follows the last line's end is empty, or the beginning of a line.
    return [json.loads(line) for line in lines[:-1]]
