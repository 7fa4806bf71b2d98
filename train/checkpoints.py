"""Saving and resuming a run."""

from collections.abc import Callable

import tensorflow as tf

from tfglow.runs import CheckpointError, RunFolder
from tfglow.runs.checkpoints import checkpoint_step, list_checkpoints, restore_checkpoint
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
        """Saves the state as it is now."""
        self._save(self._last)

    def save_best(self) -> None:
        """Saves it in place of the best checkpoint so far."""
        self._save(self._best)

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
                restore_checkpoint(self._checkpoint, prefix)
            except CheckpointError as error:
                self._report(str(error))
            else:
                return prefix
        if prefixes:
            raise CheckpointError(
                f"None of the {len(prefixes)} checkpoints in {str(self._run.checkpoint_dir)!r} "
                "can be used; to start from the beginning give another `run_dir`."
            )
        return None

    def _save(self, manager: tf.train.CheckpointManager) -> None:
        if self._writes:
            manager.save(checkpoint_number=int(self._state.step))
