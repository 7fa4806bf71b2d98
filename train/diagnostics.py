"""What a look inside the flow tells: its health, and where a step first went wrong."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfglow import Glow, likelihood
from tfglow.bijectors import FlowSteps, multi_scale
from tfglow.bijectors.channel_map import ChannelMap
from tfglow.bijectors.multi_scale import Passed
from tfglow.bijectors.shuffle_channels import ChannelOrder


class Health(NamedTuple):
    """Numbers that grow, or vanish, before a flow breaks; of one batch."""

    # Smallest factor s of any affine coupling; 1 if there is none.
    min_coupling_scale: float
    # Largest condition number of a 1×1 convolution's matrix; 1 if there is none.
    max_condition_number: float
    # Largest |decode(encode(x)) − x| of the continuous images.
    round_trip_error: float


def health(glow: Glow, images: tf.Tensor, labels: tf.Tensor | None = None) -> Health:
    """Looks at every layer on one batch of images, uint8 `[B, H, W, C]`."""
    continuous = likelihood.dequantize(images, glow.config.num_bits, 0.5, glow.config.dtype)
    scales, conditions = [1.0], [1.0]
    for passed in multi_scale.forward_in_turn(glow.flow.levels, continuous):
        if passed.step is not None and passed.log_scale is not None:
            scales.append(float(tf.exp(tf.reduce_min(passed.log_scale))))
    for steps in glow.flow.steps:
        conditions += _condition_numbers(steps)
    # As `encode` and `decode` compute them, but for the bins.
    exact = {"labels": labels, "network_dtype": tf.as_dtype(glow.config.dtype)}
    latent, _ = glow.flow.forward_and_log_det(continuous, **exact)
    restored, _ = glow.flow.inverse_and_log_det(latent, **exact)
    error = float(tf.reduce_max(tf.abs(restored - continuous)))
    return Health(min(scales), max(conditions), error)


def first_not_finite(
    glow: Glow, images: tf.Tensor, noise: tf.Tensor, labels: tf.Tensor | None = None
) -> str:
    """Which layer first went wrong, in words that complete a sentence.

    In the forward pass that is the first layer, from data to latent, whose output or log-det is
    not finite; if all are, it is the first that the backward pass, from latent to data, gives a
    gradient that is not. The levels and steps are run by the functions that training runs.

    Args:
      glow: The model.
      images: uint8 `[B, H, W, C]`.
      noise: The dequantisation noise, in [0, 1).
      labels: int `[B]`, for a conditional model.
    """
    config = glow.config
    x = likelihood.dequantize(images, config.num_bits, noise, config.dtype)
    if not _finite(x):
        return "the dequantised images"
    for passed in multi_scale.forward_in_turn(glow.flow.levels, x):
        if problem := _problem(passed):
            return problem
    eps, log_scale = glow.flow.top_prior.whiten(passed.y, labels)
    if not _finite(eps):
        return "the output of top_prior"
    if not _finite(log_scale):
        return "the log-det of top_prior"
    variables = {name: v for name, v in glow.named_variables.items() if v.trainable}
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(glow.objective(images, labels, noise=noise)["loss"])
    if not _finite(loss):
        return "the loss, with every layer's output finite"
    for name, gradient in _in_backward_order(tape.gradient(loss, variables)):
        if not _finite(gradient):
            return f"the gradient of {name}"
    return "the norm of the gradient, each of whose parts is finite"


def _problem(passed: Passed) -> str | None:
    """The first part of a step or split that is not finite, if there is one."""
    if passed.step is not None:
        return _problem_of_step(passed, passed.layer, passed.step)
    name = passed.layer.name
    if not (_finite(passed.y) and _finite(passed.eps)):
        return f"the output of {name}"
    return None if _finite(passed.log_scale) else f"the log-det of {name}"


def _problem_of_step(passed: Passed, steps: FlowSteps, k: int) -> str | None:
    step, part_x = steps[k], passed.x
    finite = _finite(passed.y)
    # The step takes ActNorm and permutation for one map, which other numbers go through.
    weights = steps.unstacked()[k]
    channels = ChannelMap.forward(weights.actnorm, weights.permutation)
    maps_finitely = finite or _finite(channels(part_x))
    for part in (step.actnorm, step.permutation):
        part_x, log_det = part.forward_and_log_det(part_x)
        if not maps_finitely and not _finite(part_x):
            return f"the output of {part.name}"
        if not _finite(log_det):
            return f"the log-det of {part.name}"
    if not maps_finitely:
        return f"the output of {step.actnorm.name} and {step.permutation.name}, which are one map"
    if not finite:
        return f"the output of {step.coupling.name}"
    if passed.log_scale is not None and not _finite(passed.log_scale):
        return f"the log-det of {step.coupling.name}"
    return None


def _in_backward_order(
    gradients: dict[str, tf.Tensor | None],
) -> Iterator[tuple[str, tf.Tensor]]:
    """The gradients from latent to data, by the weights' names; those of steps one by one."""
    named = [(name, g) for name, g in reversed(gradients.items()) if g is not None]
    for place, group in itertools.groupby(named, lambda pair: pair[0].partition("/steps/")[:2]):
        if not place[1]:
            yield from group
            continue
        level, _ = place
        stacked = {name.removeprefix(f"{level}/steps/"): tf.unstack(g) for name, g in group}
        for k in reversed(range(len(next(iter(stacked.values()))))):
            for name, steps in stacked.items():
                yield f"{level}_step{k}/{name}", steps[k]


def _condition_numbers(steps: FlowSteps) -> list[float]:
    permutation = steps.weights.permutation
    if isinstance(permutation, ChannelOrder):
        return []
    matrices = permutation.matrix(steps.dtype).numpy().astype(np.float64)
    return np.linalg.cond(matrices).tolist()


def _finite(x: tf.Tensor) -> bool:
    return bool(tf.reduce_all(tf.math.is_finite(x)))
