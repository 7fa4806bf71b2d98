"""What can be said of an image by a model alone."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfglow import likelihood
from tfglow.checks import check_positive_integer
from tfglow.glow import Glow
from tfglow.ops.own_graph import own_graph
from tfglow.scoring.complexity import png_bits_per_dim


def statistic_names(levels: int) -> list[str]:
    """The names of what `image_statistics` gives of a model, in their order.

    Args:
      levels: L, the model's levels.

    Example:
      >>> tfglow.scoring.statistic_names(levels=1)
      ['bits_per_dim', 'bits_per_dim_error', 'bits_level_0', 'squared_norm_level_0',
       'complexity_png', 'bits_minus_complexity']
    """
    return [
        "bits_per_dim",
        "bits_per_dim_error",
        *(f"bits_level_{level}" for level in range(levels)),
        *(f"squared_norm_level_{level}" for level in range(levels)),
        "complexity_png",
        "bits_minus_complexity",
    ]


def image_statistics(
    log_prob_terms: Callable[..., likelihood.LogProbTerms],
    images: tf.Tensor,
    labels: tf.Tensor | None = None,
    *,
    num_bits: int = 8,
    num_draws: int = 1,
    seed: int = 0,
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """The statistics of images by name, `[B]` each, and the nats of each pixel, `[B, H, W]`.

    - `bits_per_dim`: −log P / (D·ln 2), the mean over noise draws, and `bits_per_dim_error` its
      standard error over them; NaN of one draw.
    - `bits_level_l`: the part of level l; they add up to `bits_per_dim`.
    - `squared_norm_level_l`: ‖ε‖² of the level's latent, the mean over draws. On data that the
      model fits, about its number of dimensions.
    - `complexity_png`: see `png_bits_per_dim`.
    - `bits_minus_complexity`: S = bits/dim − complexity (Serrà et al. 2020, equation 2).

    The noise of a draw is the same for every image, and follows from the seed alone: what is said
    of an image does not depend on the others.

    Args:
      log_prob_terms: `glow.log_prob_terms`, or another function of images, labels and noise.
      images: uint8 `[B, H, W, C]`.
      labels: int `[B]`, for a conditional model.
      num_bits: `glow.config.num_bits`.
      num_draws: Draws of the dequantisation noise.
      seed: Seed of the noise.

    Raises:
      ValueError: If `num_draws` is no positive integer.

    Example:
      >>> terms = glow.log_prob_terms
      >>> statistics, nats = tfglow.scoring.image_statistics(terms, images, num_bits=4)
      >>> statistics["bits_per_dim"].shape, nats.shape
      (TensorShape([64]), TensorShape([64, 8, 8]))
    """
    images = tf.convert_to_tensor(images)
    num_draws = check_positive_integer("num_draws", num_draws)
    draws = []
    for draw in range(num_draws):
        noise = tf.random.stateless_uniform([1, *images.shape[1:]], [seed, draw])
        kwargs = {} if labels is None else {"labels": labels}
        draws.append(
            log_prob_terms(images, noise=tf.broadcast_to(noise, tf.shape(images)), **kwargs)
        )
    stacked = tf.nest.map_structure(lambda *values: tf.stack(values), *draws)
    mean = tf.nest.map_structure(lambda value: tf.reduce_mean(value, axis=0), stacked)
    num_dims = images.shape[1:].num_elements()
    bits = likelihood.bits_per_dim(mean.log_prob, num_dims)
    levels = tf.unstack(likelihood.bits_per_dim(mean.levels, num_dims), axis=-1)
    complexity = tf.cast(png_bits_per_dim(images, num_bits), bits.dtype)
    values = [
        bits,
        _standard_error(likelihood.bits_per_dim(stacked.log_prob, num_dims)),
        *levels,
        *tf.unstack(mean.squared_norms, axis=-1),
        complexity,
        bits - complexity,
    ]
    return dict(zip(statistic_names(len(levels)), values, strict=True)), mean.places


def statistics_function(glow: Glow, num_draws: int, seed: int) -> Callable[..., Any]:
    """`image_statistics` of a model as one function of images and labels that is traced once."""

    def run(images, labels):
        return image_statistics(
            glow.log_prob_terms,
            images,
            labels,
            num_bits=glow.config.num_bits,
            num_draws=num_draws,
            seed=seed,
        )

    return own_graph(run, reduce_retracing=True)


def _standard_error(draws):
    """Of the mean over the first axis, `[draws, B]` → `[B]`."""
    num = draws.shape[0]
    if num == 1:
        return tf.fill(tf.shape(draws)[1:], tf.constant(float("nan"), draws.dtype))
    return tf.math.reduce_std(draws, axis=0) / (num - 1) ** 0.5
