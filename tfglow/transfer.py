"""Weights from one Glow to another, of a configuration that may differ."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfglow.bijectors.invertible_1x1_conv import WEIGHTS
from tfglow.config import GlowConfig
from tfglow.glow import Glow

# The fields that say what the flow's weights are. Weights do not depend on an image's height and
# width: convolutions have none, and their edges and that of the prior are 3×3.
_FLOW = ("levels", "steps", "width", "coupling", "permutation")
# What belongs to the classes, by the beginnings of the variables' names.
CLASSES = {"top_prior/label_embedding/": "class embeddings", "classifier/": "classifier"}


class Transfer(NamedTuple):
    """What became of the weights, in words."""

    # How many parameters were taken; permutations and signs, which are never trained, are none.
    num_taken: int
    # What the target has and did not get, and so is as it was.
    new: tuple[str, ...]
    # What the source has and the target has no place for.
    left: tuple[str, ...]


def misfits(source: GlowConfig, target: GlowConfig) -> dict[str, tuple[Any, Any]]:
    """The fields in which a model must equal another to take its weights, and does not.

    Returns:
      By name, the value of the source and that of the target.
    """
    values = {name: (getattr(source, name), getattr(target, name)) for name in _FLOW}
    values["image_shape"] = (source.image_shape, target.image_shape)
    if source.image_shape[-1] == target.image_shape[-1]:
        del values["image_shape"]
    return {name: pair for name, pair in values.items() if pair[0] != pair[1]}


def transfer_weights(source: Glow, target: Glow, *, classes: bool = True) -> Transfer:
    """Gives `target` the weights of `source`; those that are not there stay as they are.

    Levels, steps, width, coupling, permutation and the images' channels must be equal. Height,
    width and bits of the images, the number of classes and the precision may differ. The matrices
    of 1×1 convolutions come in the target's parameterization, by way of float64.

    Args:
      source: The model to take the weights from.
      target: The model to give them to.
      classes: Whether a class means the same in both: otherwise, and if their number differs, the
        class embeddings and the classifier stay as they are.

    Raises:
      ValueError: If the flows differ, or a matrix of the source cannot be inverted.
    """
    wrong = misfits(source.config, target.config)
    if wrong:
        raise ValueError(f"The weights do not fit: {differences(wrong)}.")
    values = _converted(source, target.config.parameterization)
    variables = target.named_variables
    groups = {name: next((c for c in CLASSES if name.startswith(c)), name) for name in variables}
    refused = {
        group
        for name, group in groups.items()
        if name not in values
        or tuple(variables[name].shape) != values[name].shape
        or (group in CLASSES and not classes)
    }
    taken = [name for name, group in groups.items() if group not in refused]
    for name in taken:
        variables[name].assign(tf.cast(values[name], variables[name].dtype))
    return Transfer(
        num_taken=sum(values[name].size for name in taken if variables[name].trainable),
        new=_words(set(variables) - set(taken)),
        left=_words(set(values) - set(variables)),
    )


def differences(wrong: Mapping[str, tuple[Any, Any]]) -> str:
    """Fields and their two values in words: "width is 32, not 64; steps is 2, not 3"."""
    parts = []
    for name, (source, target) in wrong.items():
        if name == "image_shape":
            name, source, target = "channels of image_shape", source[-1], target[-1]
        parts.append(f"{name} is {source}, not {target}")
    return "; ".join(parts)


def _converted(source: Glow, parameterization: str) -> dict[str, np.ndarray]:
    """The source's values by their names in a model of this parameterization."""
    values = {name: variable.numpy() for name, variable in source.named_variables.items()}
    config = source.config
    if config.permutation != "invertible_1x1_conv" or config.parameterization == parameterization:
        return values
    held, kind = WEIGHTS[config.parameterization], WEIGHTS[parameterization]
    for level in source.flow.levels:
        prefix = f"{level.name}/steps/permutation"
        weights = held(
            *(values.pop(f"{prefix}/{field}").astype(np.float64) for field in held._fields)
        )
        matrices = weights.matrix(tf.float64).numpy()
        try:
            steps = [kind.of_matrix(matrix) for matrix in matrices]
        except ValueError as error:
            raise ValueError(f"A 1×1 convolution of {level.name} cannot be inverted.") from error
        for field in kind._fields:
            values[f"{prefix}/{field}"] = np.stack([getattr(step, field) for step in steps])
    return values


def _words(names: set[str]) -> tuple[str, ...]:
    """What variables are, each kind once."""
    kinds = {next((w for c, w in CLASSES.items() if n.startswith(c)), "top prior") for n in names}
    return tuple(sorted(kinds))
