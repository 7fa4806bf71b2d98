"""Reads checkpoints that the official implementation (github.com/openai/glow) wrote."""

import collections
import dataclasses
import os
import re
from typing import Any

import numpy as np
import tensorflow as tf

from tfglow.config import GlowConfig
from tfglow.counting import counted
from tfglow.glow import Glow
from tfglow.local_paths import check_local_path, checkpoint_prefix
from tfglow.official.undetermined_error import UndeterminedError
from tfglow.official.variables import entries
from tfglow.transfer import transfer_weights

# A step's first kernel, with the step's level and number.
_FIRST_CONVOLUTION = re.compile(r"model/(\d+)/(\d+)/f1/l_1/W")
_AVERAGE = "/ExponentialMovingAverage"
# Variables that an error names.
_MOST_NAMED = 3
# What TensorFlow's and the official optimizers append to a variable's name.
_SLOT_ENDINGS = ("/Adam", "/Adam_1", "/AdaMax", "/AdaMax_1", "/Momentum", "_adam_m1", "_adam_m2")


def load(checkpoint: str, config: GlowConfig, averaged: bool = False) -> Glow:
    """A Glow with the weights of an official checkpoint.

    1×1 convolutions may be held in the other way than `config.parameterization`: their matrices
    are then factored, or multiplied out, in float64.

    Args:
      checkpoint: Prefix of the checkpoint's files (`…/model.ckpt`), or the folder that holds it.
      config: What the checkpoint was trained with; see `infer_config`.
      averaged: Whether to take the moving average of the weights in place of the last ones.

    Raises:
      ValueError: If there is no such checkpoint; if it was trained with other fields, which are
        named, or has a variable missing, left over or of another shape. Also if `averaged` and
        there is no average.

    Example:
      >>> given = {"image_size": 32, "num_bits": 5, "weight_y": 0.01}  # What no checkpoint says.
      >>> config = tfglow.official.infer_config(checkpoint, **given)
      >>> trained = tfglow.official.load(checkpoint, config)
      >>> trained.sample(2, labels=[0, 1], seed=0).shape
      TensorShape([2, 32, 32, 3])
    """
    reader = _open(checkpoint)
    shapes = _model_shapes(reader)
    _check_fields(shapes, config, checkpoint)
    held = config
    if config.permutation == "invertible_1x1_conv":
        held = dataclasses.replace(config, parameterization=_permutation(shapes)[1])
    glow = Glow(held)
    table = list(entries(glow))
    _check_variables(shapes, table, checkpoint)
    values = {}
    for entry in table:
        # Everything is read before anything is assigned: a damaged file leaves no half model.
        values[entry.name] = _read(reader, entry, averaged)
    _assign(table, values)
    if held == config:
        return glow
    converted = Glow(config)
    transfer_weights(glow, converted)
    return converted


def has_average(checkpoint: str) -> bool:
    """Whether an official checkpoint holds the moving average of its weights.

    Args:
      checkpoint: Prefix of the checkpoint's files, or the folder that holds it.

    Raises:
      ValueError: If there is no readable checkpoint.

    Example:
      >>> tfglow.official.has_average(checkpoint)
      True
    """
    return any(_AVERAGE in name for name in _open(checkpoint).get_variable_to_shape_map())


def infer_config(
    checkpoint: str,
    *,
    image_size: int | tuple[int, int] | None = None,
    num_bits: int | None = None,
    weight_y: float | None = None,
    **overrides: Any,
) -> GlowConfig:
    """The configuration of an official checkpoint.

    Names and shapes of its variables give levels, steps, width, permutation, parameterization,
    coupling, learn_top, num_classes and the image's channels. The rest must be given.

    Args:
      checkpoint: Prefix of the checkpoint's files, or the folder that holds it.
      image_size: Height and width of an image, or one number for both.
      num_bits: How many bits of a pixel were modelled (`n_bits_x`).
      weight_y: The classifier's weight, where the checkpoint has a classifier.
      **overrides: Fields of `GlowConfig` that a checkpoint has no say in, such as `precision`, or
        the `parameterization` to convert to.

    Raises:
      ValueError: If the checkpoint is not one of the official code's, or something that it does
        not determine is not given.

    Example:
      >>> given = {"image_size": 32, "num_bits": 5, "weight_y": 0.01}  # What no checkpoint says.
      >>> config = tfglow.official.infer_config(checkpoint, **given)
      >>> config.levels, config.steps, config.width, config.coupling, config.permutation
      (2, 3, 24, 'additive', 'shuffle')
    """
    shapes = _model_shapes(_open(checkpoint))
    said = _said_fields(shapes, checkpoint)
    channels, classifier = said.pop("channels"), said.pop("classifier")
    needed: dict[str, Any] = {"image_size": image_size, "num_bits": num_bits}
    if classifier:
        needed["weight_y"] = weight_y
    missing = [name for name, value in needed.items() if value is None]
    if missing:
        raise UndeterminedError(checkpoint, missing)
    sizes = (image_size, image_size) if isinstance(image_size, int) else image_size
    if not isinstance(sizes, (tuple, list)) or len(sizes) != 2:
        raise ValueError(
            f"`image_size` must be one integer, or height and width, got {image_size!r}."
        )
    fields = {
        **said,
        "image_shape": (*sizes, channels),
        "num_bits": num_bits,
        "weight_y": weight_y if classifier else 0.0,
    }
    # `load` converts to either parameterization.
    twice = sorted(set(fields) & set(overrides) - {"parameterization"})
    if twice:
        raise ValueError(f"{checkpoint!r} itself determines {twice}.")
    return GlowConfig.from_dict({**fields, **overrides})


def _said_fields(shapes: dict[str, tuple[int, ...]], checkpoint: str) -> dict[str, Any]:
    """What names and shapes of a checkpoint's variables say of its configuration.

    Returns:
      Fields of `GlowConfig`, and beside them the image's `channels` and whether there is a
      `classifier`.
    """
    steps = {
        (int(match[1]), int(match[2]))
        for match in map(_FIRST_CONVOLUTION.fullmatch, shapes)
        if match
    }
    kernels = [shapes.get(f"model/0/0/f1/{layer}/W", ()) for layer in ("l_1", "l_last")]
    if any(len(shape) != 4 for shape in kernels):
        raise ValueError(
            f"{checkpoint!r} has no flow step of the official code (model/0/0/f1/l_1/W and "
            "model/0/0/f1/l_last/W)."
        )
    (*_, inputs, width), (*_, outputs) = kernels
    half = inputs - 1  # Half of the first level's channels; one is the edge.
    permutation, parameterization = _permutation(shapes)
    return {
        "channels": 2 * half // 4,
        "levels": 1 + max(level for level, _ in steps),
        "steps": 1 + max(step for _, step in steps),
        "width": width,
        "coupling": "affine" if outputs == 2 * half else "additive",
        "permutation": permutation,
        "parameterization": parameterization,
        "learn_top": "model/prior/p/W" in shapes,
        "num_classes": shapes.get("model/prior/y_emb/W", (0,))[0],
        "classifier": "model/classifier/W" in shapes,
    }


def _check_fields(shapes, config, checkpoint):
    """Refuses a configuration of other fields than the checkpoint's, which are named."""
    said = _said_fields(shapes, checkpoint)
    del said["parameterization"]  # Converted.
    wrong = []
    channels, classifier = said.pop("channels"), said.pop("classifier")
    if channels != config.image_shape[-1]:
        wrong.append(f"image_shape[2] = {channels}, not {config.image_shape[-1]}")
    for name, value in said.items():
        if value != getattr(config, name):
            wrong.append(f"{name} = {value!r}, not {getattr(config, name)!r}")
    if classifier != bool(config.weight_y):
        wrong.append(f"weight_y {'>' if classifier else '='} 0, not {config.weight_y}")
    if wrong:
        raise ValueError(f"{checkpoint!r} was trained with {'; '.join(wrong)}.")


def _permutation(shapes):
    if "model/0/0/invconv/W" in shapes:
        return "invertible_1x1_conv", "full"
    if "model/0/0/invconv/P" in shapes:
        return "invertible_1x1_conv", "lu"
    if "model/0/0/shuffle/indices" in shapes:
        return "shuffle", "lu"
    return "reverse", "lu"


def _open(checkpoint):
    path = checkpoint_prefix(check_local_path(checkpoint, "The checkpoint"))
    if os.path.isdir(path):
        prefixes = [name[: -len(".index")] for name in os.listdir(path) if name.endswith(".index")]
        latest = tf.train.latest_checkpoint(path)
        if latest is None and len(prefixes) != 1:
            raise ValueError(f"{path!r} holds {counted(len(prefixes), 'checkpoint')}; name one.")
        path = latest or os.path.join(path, prefixes[0])
    try:
        return tf.train.load_checkpoint(path)
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise ValueError(f"There is no readable checkpoint at {path!r}.") from error


def _model_shapes(reader):
    """Name → shape of the model's variables: neither averages nor optimizer slots."""
    return {
        name: tuple(shape)
        for name, shape in reader.get_variable_to_shape_map().items()
        if name.startswith("model/") and _AVERAGE not in name and not name.endswith(_SLOT_ENDINGS)
    }


def _check_variables(shapes, table, checkpoint):
    expected = {entry.name: entry.shape for entry in table}
    problems = [f"missing {name} {expected[name]}" for name in sorted(set(expected) - set(shapes))]
    problems += [f"left over {name} {shapes[name]}" for name in sorted(set(shapes) - set(expected))]
    problems += [
        f"{name} has the shape {shapes[name]}, the model needs {shape}"
        for name, shape in sorted(expected.items())
        if shapes.get(name, shape) != shape
    ]
    if problems:
        more = len(problems) - _MOST_NAMED
        and_more = f"; and {more} more" if more > 0 else ""
        raise ValueError(
            f"{checkpoint!r} does not fit the configuration: "
            f"{'; '.join(problems[:_MOST_NAMED])}{and_more}."
        )


def _assign(table, values):
    """Assigns each variable once: its value, or those of its steps, stacked."""
    steps = collections.defaultdict(list)
    for entry in table:
        if entry.variable is None:
            continue
        value = entry.convert(values[entry.name])
        if entry.step is None:
            entry.variable.assign(tf.cast(value, entry.variable.dtype))
        else:  # In order: the table goes from step to step.
            steps[entry.variable.ref()].append(value)
    for reference, stacked in steps.items():
        variable = reference.deref()
        variable.assign(tf.cast(np.stack(stacked), variable.dtype))


def _read(reader, entry, averaged):
    trained = entry.variable is not None and entry.variable.trainable
    name = entry.name + _AVERAGE if averaged and trained else entry.name
    if not reader.has_tensor(name):
        raise ValueError(f"The checkpoint has no moving average: {name} is missing.")
    try:
        value = reader.get_tensor(name)
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        raise ValueError(f"The checkpoint is damaged: {name} cannot be read ({error}).") from error
    if value.shape != entry.shape:
        raise ValueError(f"{name} has the shape {value.shape}, the model needs {entry.shape}.")
    if value.dtype.kind == "f" and not np.all(np.isfinite(value)):
        raise ValueError(f"{name} holds values that are not finite.")
    if value.dtype.kind == "i" and not np.array_equal(np.sort(value), np.arange(len(value))):
        raise ValueError(f"{name} is no permutation: {value.tolist()}.")
    return value
