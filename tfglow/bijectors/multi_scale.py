"""The walk over the levels, which a flow that learns and a frozen one share."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tfglow.bijectors.flow_steps import FlowSteps
from tfglow.bijectors.gaussian_split import GaussianSplit
from tfglow.bijectors.level import Level
from tfglow.bijectors.top_prior import TopPrior, sum_over_image
from tfglow.ops import shapes


def forward(
    levels: Sequence[Level],
    top_prior: TopPrior | Any,
    x: tf.Tensor,
    labels: tf.Tensor | None = None,
    network_dtype: tf.DType | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """From data to latent.

    Args:
      levels: The levels, from data to latent.
      top_prior: A `TopPrior`, or what has its method `whiten`.
      x: Continuous images, `[B, H, W, C]`.
      labels: int `[B]`, for a conditional prior.
      network_dtype: Dtype of the coupling networks' arithmetic; None for the steps' own.

    Returns:
      The latent `[B, D]`, log |det| `[B]`, and the top latent before its prior whitens it,
      `[B, h, w, c]`.
    """
    # `[B]` from here on: a level's is `[]` where it does not depend on the image.
    log_det = tf.zeros(tf.shape(x)[:1], x.dtype)
    latents = []
    for level in levels:
        x, eps, level_log_det = level.forward(x, network_dtype)
        log_det += level_log_det
        if eps is not None:
            latents.append(eps)
    eps, log_scale = top_prior.whiten(x, labels)
    log_det -= sum_over_image(log_scale, *shapes.shape_list(x)[1:3])
    return flatten_latents([*latents, eps]), log_det, x


class LevelTerms(NamedTuple):
    """What a level adds to the log-likelihood, place by place."""

    eps: tf.Tensor  # The ε that leaves, [B, h, w, c].
    log_det: tf.Tensor  # log |det| of the level and of its prior, [B, h, w].


def forward_terms(
    levels: Sequence[Level],
    top_prior: TopPrior | Any,
    x: tf.Tensor,
    labels: tf.Tensor | None = None,
    network_dtype: tf.DType | None = None,
) -> list[LevelTerms]:
    """`forward` with its parts kept apart: the terms of each level, from data to latent.

    The ε, made flat by `flatten_latents`, are the latent; the log-dets add up to log |det|.
    """
    terms = []
    for level in levels:
        x, eps, places = level.forward_and_places(x, network_dtype)
        if eps is None:
            eps, log_scale = top_prior.whiten(x, labels)
            log_scale = tf.broadcast_to(log_scale, tf.shape(x))
            places -= tf.reduce_sum(log_scale, axis=-1)
        terms.append(LevelTerms(eps, places))
    return terms


class Passed(NamedTuple):
    """A flow step or a split, with what passed it on the way to the latent."""

    layer: FlowSteps | GaussianSplit | Any  # The level's steps, or its split.
    step: int | None  # Which of the steps; None for a split.
    x: tf.Tensor  # The input, [B, h, w, c].
    y: tf.Tensor  # What stays.
    eps: tf.Tensor | None  # The ε that leaves, of a split.
    # What its log |det| is the sum of, or for a split minus its log |det|; None where that is 0.
    log_scale: tf.Tensor | None


def forward_in_turn(levels: Sequence[Level], x: tf.Tensor) -> Iterator[Passed]:
    """Every flow step and split on the way of `x` to the top, to look at; see `forward`."""
    for level in levels:
        x, _ = level.squeeze.forward_and_log_det(x)
        for k, (y, log_scale) in enumerate(level.steps.forward_in_turn(x)):
            yield Passed(level.steps, k, x, y, None, log_scale)
            x = y
        if level.split is not None:
            y, eps, log_scale = level.split.split(x)
            yield Passed(level.split, None, x, y, eps, log_scale)
            x = y


def inverse(
    levels: Sequence[Level],
    top_prior: TopPrior | Any,
    latent: tf.Tensor,
    latent_shapes: Sequence[tuple[int, int, int]],
    labels: tf.Tensor | None = None,
    network_dtype: tf.DType | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """From a latent `[B, D]` to data `[B, H, W, C]` and log |det| `[B]`; see `forward`."""
    *latents, eps = unflatten_latents(latent, latent_shapes)
    x, log_scale = top_prior.unwhiten(eps, labels)
    log_det = tf.zeros(tf.shape(latent)[:1], x.dtype)
    log_det += sum_over_image(log_scale, *shapes.shape_list(x)[1:3])
    for level, eps in zip(reversed(levels), [None, *reversed(latents)], strict=True):
        x, level_log_det = level.inverse(x, eps, network_dtype)
        log_det += level_log_det
    return x, log_det


def flatten_latents(latents: Sequence[tf.Tensor]) -> tf.Tensor:
    """Each level's ε, `[B, h, w, c]` → `[B, D]`."""
    flat = [tf.reshape(eps, [-1, math.prod(eps.shape[1:])]) for eps in latents]
    return tf.concat(flat, axis=-1)


def unflatten_latents(
    latent: tf.Tensor, latent_shapes: Sequence[tuple[int, int, int]]
) -> list[tf.Tensor]:
    """`[B, D]` → each level's ε, `[B, h, w, c]`."""
    sizes = [math.prod(shape) for shape in latent_shapes]
    parts = tf.split(latent, sizes, axis=-1)
    return [
        tf.reshape(part, [-1, *shape]) for part, shape in zip(parts, latent_shapes, strict=True)
    ]
