"""The folder that a training run writes, and that evaluation and export read."""

import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfglow.config import GlowConfig
from tfglow.runs.files import replace_file
from tfglow.glow import Glow

# Names in a checkpoint: the model that was trained, and the average of its weights.
MODEL, AVERAGE = "glow", "average"
BEST, LATEST = "best", "latest"


class CheckpointError(ValueError):
    """A checkpoint that is damaged, or not one of this model."""


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """Where everything in a run folder is.

    `config.json` holds the run's configuration, the model's under the key "model". Checkpoints
    are written by `tf.train.Checkpoint(glow=…, average=…, …)`, the last ones in `checkpoints/` and
    the best one by evaluation in `checkpoints/best/`.
    """

    path: Path

    @classmethod
    def create(cls, path: str | os.PathLike, config: dict[str, Any]) -> "RunFolder":
        """Makes the folder and writes its `config.json`, before anything else is in it.

        Raises:
          ValueError: If `path` is a run folder already, or holds something else.
        """
        run = cls(Path(path))
        if run.exists():
            raise ValueError(f"{str(path)!r} is a run folder already.")
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            if any(run.path.iterdir()):
                raise ValueError(
                    f"{str(path)!r} holds files but no config.json: it is not a run folder, and "
                    "not an empty one to start a run in."
                )
            run.write_config(config)
        except OSError as error:
            raise ValueError(
                f"Cannot make a run folder of {str(path)!r}: {error.strerror}."
            ) from error
        return run

    @classmethod
    def open(cls, path: str | os.PathLike) -> "RunFolder":
        """The folder of an existing run.

        Raises:
          ValueError: If it is not one.
        """
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
        return self.path / "config.json"

    @property
    def checkpoint_dir(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best_checkpoint_dir(self) -> Path:
        return self.checkpoint_dir / "best"

    @property
    def metrics_path(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def tensorboard_dir(self) -> Path:
        return self.path / "tensorboard"

    @property
    def samples_dir(self) -> Path:
        return self.path / "samples"

    @property
    def curves_path(self) -> Path:
        return self.path / "curves.png"

    def write_config(self, config: dict[str, Any]) -> None:
        """Writes `config.json`."""
        replace_file(self.config_path, json.dumps(config, indent=2) + "\n")

    def read_config(self) -> dict[str, Any]:
        """The run's configuration.

        Raises:
          ValueError: If `config.json` is damaged, or has no model in it.
        """
        try:
            config = json.loads(self.config_path.read_text(encoding="utf-8"))
            if not isinstance(config["model"], dict):
                raise TypeError
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{str(self.config_path)!r} is not the configuration of a run."
            ) from error
        return config

    def model_config(self) -> GlowConfig:
        """The configuration of the run's model."""
        return GlowConfig.from_dict(self.read_config()["model"])

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl`; a last one that a crash cut short is left out."""
        if not self.metrics_path.exists():
            return []
        lines = self.metrics_path.read_text(encoding="utf-8").split("\n")
        # What follows the last line's end is empty, or the beginning of a line.
        return [json.loads(line) for line in lines[:-1]]

    def checkpoint(self, which: str | None = None) -> str:
        """The prefix of a checkpoint's files.

        Args:
          which: "best" by evaluation, "latest", or None: the best, or where none was evaluated
            the latest.

        Raises:
          ValueError: If there is no such checkpoint.
        """
        folders = {BEST: self.best_checkpoint_dir, LATEST: self.checkpoint_dir}
        if which is not None and which not in folders:
            raise ValueError(f"A checkpoint must be one of best, latest; got {which!r}.")
        for name, folder in folders.items():
            found = list_checkpoints(folder) if which in (None, name) else []
            if found:
                return found[-1]
        raise ValueError(f"The run {str(self.path)!r} has no {which or 'saved'} checkpoint.")

    def load_glow(self, averaged: bool = True, which: str | None = None) -> Glow:
        """The run's model with its weights.

        Args:
          averaged: Whether to take the moving average of the weights, where the run kept one, in
            place of the weights themselves.
          which: As for `checkpoint`.

        Raises:
          ValueError: If there is no such checkpoint, or it is damaged.
        """
        prefix = self.checkpoint(which)
        glow = Glow(self.model_config())
        name = AVERAGE if averaged and has_average(prefix) else MODEL
        restore_checkpoint(tf.train.Checkpoint(**{name: glow}), prefix)
        return glow

    def save_glow(self, glow: Glow, average: Glow | None = None, step: int = 0) -> None:
        """Saves a model that was not trained here, as the run's only checkpoint."""
        models = {MODEL: glow} if average is None else {MODEL: glow, AVERAGE: average}
        manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(**models), str(self.checkpoint_dir), max_to_keep=1
        )
        manager.save(checkpoint_number=step)


def list_checkpoints(folder: str | os.PathLike) -> list[str]:
    """The prefixes of the complete checkpoints in a folder, oldest first.

    A checkpoint counts from the moment that TensorFlow's list names it, which happens at once and
    after all of its files are written.
    """
    state = tf.train.get_checkpoint_state(os.fspath(folder))
    if state is None:
        return []
    # Under this folder, even if the run was moved.
    names = [Path(path).name for path in state.all_model_checkpoint_paths]
    return [str(Path(folder) / name) for name in names]


def checkpoint_step(prefix: str) -> int:
    """The training step in a checkpoint's name, `…/ckpt-1200`."""
    found = re.search(r"-(\d+)$", prefix)
    if found is None:
        raise ValueError(f"{prefix!r} is not the name of a run's checkpoint.")
    return int(found.group(1))


def has_average(prefix: str) -> bool:
    """Whether a checkpoint holds the average of the weights too.

    Raises:
      CheckpointError: If it cannot be read.
    """
    with _naming(prefix):
        names = [name for name, _ in tf.train.list_variables(prefix)]
    return any(name.startswith(f"{AVERAGE}/") for name in names)


def restore_checkpoint(checkpoint: tf.train.Checkpoint, prefix: str) -> None:
    """Restores everything in `checkpoint`, or nothing.

    All of the file is checked against its checksums before anything is assigned.

    Raises:
      CheckpointError: If a file is missing or damaged, or does not hold what is to be restored.
    """
    with _naming(prefix):
        reader = tf.train.load_checkpoint(prefix)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
        status = checkpoint.read(prefix).expect_partial()
        status.assert_existing_objects_matched()


@contextlib.contextmanager
def _naming(prefix: str) -> Iterator[None]:
    """Turns TensorFlow's errors, of many types, into one sentence that names the checkpoint."""
    try:
        yield
    except Exception as error:
        reason = str(getattr(error, "message", error)).strip().splitlines()[0].rstrip(".")
        raise CheckpointError(
            f"The checkpoint {prefix!r} is damaged or not of this model: {reason}."
        ) from error
