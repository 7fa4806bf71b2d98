"""Checkpoints as files: which are there, and reading them whole or not at all."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

# Names in a run's checkpoints: the model that was trained, and the average of its weights.
MODEL, AVERAGE = "glow", "average"


class CheckpointError(ValueError):
    """A checkpoint that is damaged, or not one of this model.

    Example:
      >>> from pathlib import Path
      >>> run = tfglow.runs.RunFolder.create("damaged", {"model": glow.config.to_dict()})
      >>> run.save_glow(glow)
      >>> _ = Path(run.checkpoint() + ".data-00000-of-00001").write_bytes(b"")
      >>> run.load_glow("raw")
      Traceback (most recent call last):
          ...
      tfglow.runs.checkpoints.CheckpointError: The checkpoint 'damaged/checkpoints/ckpt-0' is
          damaged or not of this model: Read less bytes than requested.
    """


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


def remove_unfinished_checkpoints(folder: str | os.PathLike) -> None:
    """Removes what is left where saving was cut short, by a kill or a full disk.

    Args:
      folder: A folder of checkpoints; nobody else may be writing there.
    """
    # TensorFlow's own: a checkpoint's parts before they get their names, and its list's.
    for parts in Path(folder).glob("*_temp"):
        shutil.rmtree(parts, ignore_errors=True)
    for file in Path(folder).glob("checkpoint.tmp*"):
        file.unlink(missing_ok=True)


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
    with _errors_naming(prefix):
        names = [name for name, _ in tf.train.list_variables(prefix)]
    return any(name.startswith(f"{AVERAGE}/") for name in names)


def restore_checkpoint(checkpoint: tf.train.Checkpoint, prefix: str) -> None:
    """Restores everything in `checkpoint`, or nothing.

    All of the file is checked against its checksums before anything is assigned.

    Raises:
      CheckpointError: If a file is missing or damaged, or does not hold what is to be restored.
    """
    with _errors_naming(prefix):
        reader = tf.train.load_checkpoint(prefix)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
        status = checkpoint.read(prefix).expect_partial()
        status.assert_existing_objects_matched()


@contextlib.contextmanager
def _errors_naming(prefix: str) -> Iterator[None]:
    """Turns TensorFlow's errors, of many types, into one sentence that names the checkpoint."""
    try:
        yield
    except Exception as error:
        reason = str(getattr(error, "message", error)).strip().splitlines()[0].rstrip(".")
        raise CheckpointError(
            f"The checkpoint {prefix!r} is damaged or not of this model: {reason}."
        ) from error
