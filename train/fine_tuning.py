"""Starting a run from weights that are there."""

import os
from pathlib import Path
from typing import Any

from tfglow import GlowConfig
from tfglow.official import UndeterminedError
from tfglow.pretrained import Pretrained, find_pretrained
from tfglow.transfer import Transfer, differences, misfits
from train.config import TrainConfig

# The weight of a classifier that is left out.
_ANY_WEIGHT = 1.0


def source_of(init_from: str, model: dict[str, Any]) -> Pretrained:
    """What `init_from` names, with what its files do not say taken from fields of the model.

    Args:
      init_from: A run folder, the prefix of a checkpoint in one, a `.keras` file, or a checkpoint
        of the official code.
      model: Fields of `GlowConfig` that are given.

    Raises:
      ValueError: If there is no such model, it is damaged, or a field is missing.
    """
    shape, weight_y = model.get("image_shape"), model.get("weight_y")
    try:
        return find_pretrained(
            init_from,
            image_size=None if shape is None else tuple(shape[:2]),
            num_bits=model.get("num_bits"),
            # 0 is of a run without a classifier. The source has one, of whatever weight.
            weight_y=_ANY_WEIGHT if weight_y == 0 else weight_y,
        )
    except UndeterminedError as error:
        names = ["image_shape" if name == "image_size" else name for name in error.missing]
        flags = ", ".join(f"--{name}=…" for name in names)
        raise UndeterminedError(error.checkpoint, names, f"give {flags}") from error


def find_source(config: TrainConfig) -> Pretrained | None:
    """The model that a new run starts from; None if it starts from nothing.

    Raises:
      ValueError: If there is no such model, or the run's model cannot take its weights.
    """
    if config.init_from is None:
        return None
    source = source_of(config.init_from, config.model.to_dict())
    wrong = misfits(source.config, config.model)
    if wrong:
        raise ValueError(
            f"`init_from` = {config.init_from!r} does not fit, as its {differences(wrong)}: leave "
            f"{_flags(wrong)} out, which takes its own, or start from another model."
        )
    return source


def same_classes(source: Pretrained, config: TrainConfig) -> bool:
    """Whether a class is the same in the source's data and in the run's, as far as is known."""
    before = source.run_config
    if "dataset" not in before:
        return True
    if before["dataset"] != config.dataset:
        return False
    folders = before.get("data_dir"), config.data_dir
    return config.dataset != "folder" or len({_real(folder) for folder in folders}) == 1


def sentence(source: Pretrained, transfer: Transfer, model: GlowConfig) -> str:
    """What was taken and what is new, for people."""
    text = f"Started from {source.origin}: {transfer.num_taken:,} weights taken"
    if model.num_classes and "class embeddings" not in transfer.new:
        text += f", with those of its {model.num_classes} classes"
    if transfer.new:
        text += f"; new: {', '.join(transfer.new)}"
    if transfer.left:
        text += f"; left out: {', '.join(transfer.left)}"
    return f"{text}."


def _flags(names: Any) -> str:
    return ", ".join(f"--{name}" for name in names)


def _real(folder: str | None) -> str | None:
    return None if folder is None else os.path.realpath(Path(folder))
