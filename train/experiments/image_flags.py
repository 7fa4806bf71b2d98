"""Flags that choose images: files, or places in a run's data set."""

import argparse
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from train.experiments.trained_run import TrainedRun, images_at, model_labels

_Part = TypeVar("_Part")


def add_image_flags(parser: argparse.ArgumentParser) -> None:
    """Adds `--files`, `--labels`, `--indices`, `--split`, `--data_dir` and `--checkpoint`."""
    parser.add_argument("--files", nargs="+", metavar="FILE", help="Image files.")
    parser.add_argument(
        "--labels",
        type=integers,
        metavar="N,N,...",
        help="The files' labels, for a conditional model.",
    )
    parser.add_argument(
        "--indices", type=integers, metavar="N,N,...", help="Places in the split, from 0."
    )
    parser.add_argument(
        "--split", metavar="NAME", help="Split of the data set; default: the run's."
    )
    parser.add_argument(
        "--data_dir", metavar="DIR", help="The data set's folder; default: the run's."
    )
    add_checkpoint_flag(parser)


def add_checkpoint_flag(parser: argparse.ArgumentParser) -> None:
    """Adds `--checkpoint`."""
    parser.add_argument(
        "--checkpoint",
        choices=("best", "latest"),
        help="Checkpoint; default: the best by evaluation, or where there is none the latest.",
    )


def images_from_flags(
    run: TrainedRun, flags: argparse.Namespace
) -> tuple[np.ndarray, np.ndarray | None]:
    """The images that were asked for, and their labels if the model takes some.

    Raises:
      ValueError: If not exactly one of files and indices is given, or they cannot be read.
    """
    if bool(flags.files) == bool(flags.indices):
        raise ValueError("Give the images either as --files or as --indices of the data set.")
    if flags.files:
        if flags.labels is not None and len(flags.labels) != len(flags.files):
            raise ValueError(
                f"--labels must be one for each of the {len(flags.files)} files, got "
                f"{len(flags.labels)}."
            )
        labels = None if flags.labels is None else np.array(flags.labels, np.int32)
        return run.read_files(flags.files), labels
    if flags.labels:
        raise ValueError("--labels are for --files: the data set knows its own.")
    images, labels = images_at(run.load_split(flags.split, flags.data_dir), flags.indices)
    return images, model_labels(run.glow, labels)


def integers(text: str) -> list[int]:
    """Integers from a flag's text, "3,8"."""
    return _parts(int, text, "integers such as 3,8")


def numbers(text: str) -> list[float]:
    """Numbers from a flag's text, "0,0.7,1"."""
    return _parts(float, text, "numbers such as 0,0.7,1")


def words(text: str) -> list[str]:
    """Words from a flag's text, "shuffle,reverse"."""
    return [part.strip() for part in text.split(",")]


def _parts(kind: Callable[[str], _Part], text: str, expected: str) -> list[_Part]:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected {expected}; got {text!r}") from None
