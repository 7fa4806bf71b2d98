"""Going on with a run, with a configuration that may have changed."""

import contextlib
import datetime
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tfglow.runs.checkpoints import checkpoint_step, list_checkpoints
from tfglow.runs.run_folder import RunFolder
from tfglow.writing import UnwritableFile
from train.config import Change, TrainConfig, changes
from train.flags import command
from train.state import TrainState

# What the best evaluation so far is compared by.
_EVALUATION = ("eval_split", "eval_images")


def find_changes(config: TrainConfig, run_dir: str | os.PathLike) -> tuple[RunFolder, list[Change]]:
    """The run folder, new or not, and what of its configuration is to change.

    Args:
      config: What the run is to go on with, `resolved`.
      run_dir: The run folder.

    Raises:
      ValueError: If something is to change that the run has to keep.
    """
    run = RunFolder(Path(run_dir))
    if not run.exists():
        return run, []
    found = changes(run.parsed_config(TrainConfig.from_dict), config)
    refused = [change for change in found if change.refusal]
    if refused:
        reasons = ", ".join(f"{change} ({change.refusal})" for change in refused)
        raise ValueError(
            f"The run {str(run_dir)!r} cannot change {reasons}: leave this out to go on, or give "
            "another `run_dir`."
        )
    return run, found


def take_changes(
    found: Sequence[Change], config: TrainConfig, run: RunFolder, state: TrainState
) -> str | None:
    """Notes in the run folder what changes from this step on; called when the state is restored.

    Returns:
      A sentence about it; None if nothing changes.
    """
    if not found:
        return None
    step = int(state.step)
    time = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    values = {change.name: [change.before, change.now] for change in found}
    run.append_change({"step": step, "time": time, **values})
    run.write_config(config.to_dict())
    return f"Changed at step {step}: {', '.join(map(str, found))}."


def forget_best(run: RunFolder, state: TrainState) -> None:
    """Forgets the best evaluation if none was made since the evaluation changed.

    It compares with nothing that comes.
    """
    step = int(state.step)
    if any(
        line["step"] >= step and any(name in line for name in _EVALUATION)
        for line in run.config_changes()
    ):
        state.best.assign(float("inf"))


@contextlib.contextmanager
def saying_what_is_kept(run: RunFolder) -> Iterator[None]:
    """Adds to the error of a full disk that the run can go on, from where and how."""
    try:
        yield
    except UnwritableFile as error:
        saved = list_checkpoints(run.checkpoint_dir)
        start = f"step {checkpoint_step(saved[-1])}" if saved else "the beginning"
        raise UnwritableFile(
            f"{str(error).rstrip('.')}; what was saved is whole, and with that put right the run "
            f"goes on from {start}: {command(run)}"
        ) from error
