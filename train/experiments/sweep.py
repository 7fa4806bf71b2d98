"""Several runs of different configurations, in one folder."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfglow.runs.run_folder import RunFolder
from tfglow.tensorflow_log import start_tensorflow
from train.config import TrainConfig, changes

# Fields that say where and how long to train, not what the runs are compared by.
_PLACE_AND_LENGTH = ("strategy", "data_dir", "epochs", "jit_compile", "keep_checkpoints")


def check_different(name: str, values: Sequence[Any]) -> None:
    """Refuses values to compare of which there is none, or one twice.

    Raises:
      ValueError: It names `name`.
    """
    if not values or len(set(values)) < len(values):
        raise ValueError(f"`{name}` must be one or more different values, got {list(values)}.")


def run_missing(
    configs: Mapping[str, TrainConfig],
    folder: str | os.PathLike,
    report: Callable[[str], None] = print,
) -> bool:
    """Trains what is not finished; started again with the same folder, it goes on.

    Args:
      configs: The configurations to train, by the names of the run folders in `folder`.
      folder: The folder of the run folders.
      report: A function that is called with a sentence about each run.

    Returns:
      Whether all are finished; false if one was stopped, by SIGTERM for instance.

    Raises:
      ValueError: If a run folder was started with another configuration.
    """
    start_tensorflow()
    from train.run import train_and_evaluate

    missing = [name for name, config in configs.items() if not finished(config, folder, name)]
    for number, name in enumerate(missing, 1):
        report(f"Run {number} of {len(missing)} that are missing, {name}:")
        _check_same(configs[name], RunFolder(Path(folder) / name))
        if not train_and_evaluate(configs[name], Path(folder) / name).finished:
            return False
    return True


def finished(config: TrainConfig, folder: str | os.PathLike, name: str) -> bool:
    """Whether the run is there, with this configuration and all of its epochs."""
    run = RunFolder(Path(folder) / name)
    lines = run.metrics() if run.exists() else []
    if not lines or lines[-1]["epoch"] < config.epochs:
        return False
    return not _differing(config, run)


def _check_same(config: TrainConfig, run: RunFolder) -> None:
    """Refuses a run that would be half of one configuration and half of another."""
    differing = _differing(config, run) if run.exists() else []
    if differing:
        raise ValueError(
            f"The run {str(run.path)!r} was trained with {', '.join(differing)}: give another "
            "folder."
        )


def _differing(config: TrainConfig, run: RunFolder) -> list[str]:
    """What of that which runs are compared by differs from the run's own."""
    before = TrainConfig.from_dict(run.read_config())
    found = changes(before, config.resolved())
    return [str(change) for change in found if change.name not in _PLACE_AND_LENGTH]
