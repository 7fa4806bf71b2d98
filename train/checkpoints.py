"""Saving and resuming a run."""

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from tfglow.counting import counted
from tfglow.runs import CheckpointError, RunFolder
from tfglow.runs.checkpoints import (
    checkpoint_step,
    has_average,
    list_checkpoints,
    remove_unfinished_checkpoints,
    restore_checkpoint,
)
from tfglow.writing import UnwritableFile, writing
from train.state import TrainState


class Checkpoints:
    """The checkpoints of a run: the last ones, and the best by evaluation.

    A checkpoint is complete or absent: TensorFlow's list of checkpoints, which is replaced at once
    when all files of a new one are written, is what says that it exists.

    Args:
      run: The run's folder.
      state: The state that is saved and restored.
      keep: How many of the last checkpoints stay.
      writes: Whether this process writes. Of several workers one does, and all read.
      report: A function that is called with a sentence about each checkpoint that cannot be used.
    """

    def __init__(
        self,
        run: RunFolder,
        state: TrainState,
        *,
        keep: int,
        writes: bool = True,
        report: Callable[[str], None] = print,
    ):
        self._run = run
        self._state = state
        self._writes = writes
        self._report = report
        self._checkpoint = state.checkpoint()
        self._last = tf.train.CheckpointManager(
            self._checkpoint, str(run.checkpoint_dir), max_to_keep=keep
        )
        self._best = tf.train.CheckpointManager(
            self._checkpoint, str(run.best_checkpoint_dir), max_to_keep=1
        )

    def save(self) -> None:
        """Saves the state as it is now.

        Raises:
          UnwritableFile: If the disk is full, say; the checkpoints before are as they were.
        """
        self._save(self._last)

    def save_best(self) -> None:
        """Saves it in place of the best checkpoint so far."""
        self._save(self._best)

    def remove_from(self, step: int) -> int | None:
        """Removes the last checkpoints from `step` on, whose weights cannot be trained on.

        Returns:
          The step of the newest that is left; None if none is.
        """
        prefixes = list_checkpoints(self._run.checkpoint_dir)
        kept = [prefix for prefix in prefixes if checkpoint_step(prefix) < step]
        if self._writes and kept != prefixes:
            folder = self._run.checkpoint_dir
            # The list first: what it does not name does not exist.
            if kept:
                # A manager takes only those for its own that have a time.
                tf.compat.v1.train.update_checkpoint_state(
                    str(folder),
                    kept[-1],
                    kept,
                    all_model_checkpoint_timestamps=[
                        Path(f"{prefix}.index").stat().st_mtime for prefix in kept
                    ],
                )
            else:
                (folder / "checkpoint").unlink()
            for prefix in set(prefixes) - set(kept):
                for file in folder.glob(f"{Path(prefix).name}.*"):
                    file.unlink()
        return checkpoint_step(kept[-1]) if kept else None

    def restore_latest(self) -> str | None:
        """Restores the newest checkpoint that is whole.

        Returns:
          Its name; None if the run has saved none yet.

        Raises:
          CheckpointError: If there are checkpoints, and all are damaged.
        """
        prefixes = list_checkpoints(self._run.checkpoint_dir)
        for prefix in sorted(prefixes, key=checkpoint_step, reverse=True):
            try:
                self._restore(prefix)
            except CheckpointError as error:
                self._report(str(error))
            else:
                return prefix
        if prefixes:
            raise CheckpointError(
                f"Of {counted(len(prefixes), 'checkpoint')} in {str(self._run.checkpoint_dir)!r} "
                "none can be used; to start from the beginning give another `run_dir`."
            )
        return None

    def _restore(self, prefix: str) -> None:
        if self._state.weight_average is None or has_average(prefix):
            restore_checkpoint(self._checkpoint, prefix)
            return
        restore_checkpoint(self._state.checkpoint(with_average=False), prefix)
        self._state.weight_average.reset()
        self._report("The run kept no average of its weights before; it begins with them here.")

    def _save(self, manager: tf.train.CheckpointManager) -> None:
        if not self._writes:
            return
        step = int(self._state.step)
        try:
            with writing(Path(manager.directory) / f"ckpt-{step}"):
                manager.save(checkpoint_number=step)
        except UnwritableFile:
            # Half a checkpoint is of no use, and takes the room that is wanting.
            remove_unfinished_checkpoints(manager.directory)
            raise
