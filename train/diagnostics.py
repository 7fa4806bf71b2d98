"""What a look inside the flow tells: its health, and where a step first went wrong."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfglow import Glow, likelihood
from tfglow.bijectors import FlowSteps
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
    x = continuous
    for level in glow.flow.levels:
        x, _ = level.squeeze.forward_and_log_det(x)
        for y, log_scale in level.steps.forward_in_turn(x):
            x = y
            if log_scale is not None:
                scales.append(float(tf.exp(tf.reduce_min(log_scale))))
        conditions += _condition_numbers(level.steps)
        if level.split is not None:
            x, _, _ = level.split.split(x)
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
    for level in glow.flow.levels:
        x, _ = level.squeeze.forward_and_log_det(x)
        for k, (y, log_scale) in enumerate(level.steps.forward_in_turn(x)):
            if problem := _problem_of_step(level.steps, k, x, y, log_scale):
                return problem
            x = y
        if level.split is not None:
            x, eps, log_scale = level.split.split(x)
            if not (_finite(x) and _finite(eps)):
                return f"the output of {level.split.name}"
            if not _finite(log_scale):
                return f"the log-det of {level.split.name}"
    eps, log_scale = glow.flow.top_prior.whiten(x, labels)
    if not _finite(eps):
        return "the output of top_prior"
    if not _finite(log_scale):
        return "the log-det of top_prior"
    variables = [v for v in glow.named_variables.values() if v.trainable]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(glow.objective(images, labels, noise=noise)["loss"])
    if not _finite(loss):
        return "the loss, with every layer's output finite"
    gradients = tape.gradient(loss, variables)
    gradients = {v.ref(): g for v, g in zip(variables, gradients, strict=True)}
    for name, gradient in _in_backward_order(glow, gradients):
        if gradient is not None and not _finite(gradient):
            return f"the gradient of {name}"
    return "the norm of the gradient, each of whose parts is finite"


def _problem_of_step(
    steps: FlowSteps, k: int, x: tf.Tensor, y: tf.Tensor, log_scale: tf.Tensor | None
) -> str | None:
    """What is wrong with step k, whose output on `x` is `y`: the first part that is not finite."""
    step = steps[k]
    part_x = x
    for part in (step.actnorm, step.permutation):
        part_x, log_det = part.forward_and_log_det(part_x)
        if not _finite(y) and not _finite(part_x):
            return f"the output of {part.name}"
        if not _finite(log_det):
            return f"the log-det of {part.name}"
    if not _finite(y):
        return f"the output of {step.coupling.name}"
    if log_scale is not None and not _finite(log_scale):
        return f"the log-det of {step.coupling.name}"
    return None


def _in_backward_order(
    glow: Glow, gradients: Mapping[Any, tf.Tensor | None]
) -> Iterator[tuple[str, tf.Tensor | None]]:
    """The gradients by name, from latent to data; those of steps one by one."""

    def of(named, prefix):
        for name, variable in reversed(named.items()):
            if variable.ref() in gradients:
                yield f"{prefix}{name}", gradients[variable.ref()]

    if glow.classifier is not None:
        yield from of(glow.classifier.named_variables, "classifier/")
    yield from of(glow.flow.top_prior.named_variables, "top_prior/")
    for level in reversed(glow.flow.levels):
        if level.split is not None:
            yield from of(level.split.named_variables, f"{level.split.name}/")
        stacked = list(of(level.steps.named_variables, ""))
        for k in reversed(range(len(level.steps))):
            for name, gradient in stacked:
                part = None if gradient is None else gradient[k]
                yield f"{level.steps.name}_step{k}/{name}", part


def _condition_numbers(steps: FlowSteps) -> list[float]:
    permutation = steps.weights.permutation
    if isinstance(permutation, ChannelOrder):
        return []
    matrices = permutation.matrix(steps.dtype).numpy().astype(np.float64)
    return np.linalg.cond(matrices).tolist()


def _finite(x: tf.Tensor) -> bool:
    return bool(tf.reduce_all(tf.math.is_finite(x)))
