"""Between uint8 images and continuous ones; between nats and bits per dimension."""

import dataclasses
import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf


def dequantize(
    images: tf.Tensor, num_bits: int, noise: tf.Tensor, dtype: str | tf.DType = tf.float32
) -> tf.Tensor:
    """x/2^bits − 0.5 + noise/2^bits of each pixel's top `num_bits` bits, x.

    Args:
      images: uint8, `[..., H, W, C]`.
      num_bits: How many bits of each pixel are kept, from 1 to 8.
      noise: Numbers in [0, 1), broadcastable to `images`: uniform for a likelihood, 0.5 for the
        centres of the bins.
      dtype: Dtype of the result.

    Returns:
      Values in [−0.5, 0.5), of the shape of `images`.

    Example:
      >>> pixels = tf.constant([[[[0]], [[128]], [[255]]]], tf.uint8)
      >>> tfglow.likelihood.dequantize(pixels, num_bits=1, noise=0.5).numpy().ravel()
      array([-0.25,  0.25,  0.25], dtype=float32)
    """
    # Exact in every dtype; LiteRT has no integer division of bytes.
    levels = tf.floor(tf.cast(images, dtype) / 2 ** (8 - num_bits))
    return (levels + tf.cast(noise, dtype)) / 2**num_bits - 0.5


def quantize(continuous: tf.Tensor, num_bits: int) -> tf.Tensor:
    """The uint8 image whose bins hold `continuous`: the reverse of `dequantize`.

    Values outside [−0.5, 0.5) go to the nearest bin; the low 8 − `num_bits` bits are 0.

    Args:
      continuous: Values of any shape, float.
      num_bits: How many bits of a pixel there are, from 1 to 8.

    Returns:
      uint8, of the same shape.

    Example:
      >>> tfglow.likelihood.quantize(tf.constant([-0.25, 0.25, 3.0]), num_bits=1).numpy()
      array([  0, 128, 128], dtype=uint8)
    """
    levels = tf.floor((continuous + 0.5) * 2**num_bits)
    levels = tf.clip_by_value(levels, 0.0, 2.0**num_bits - 1)
    return tf.cast(levels * 2 ** (8 - num_bits), tf.uint8)


def standard_normal_log_prob(latent: tf.Tensor) -> tf.Tensor:
    """log N(latent; 0, I) = −½(‖latent‖² + D·ln 2π) (nats), `[..., D] → [...]`.

    Example:
      >>> tfglow.likelihood.standard_normal_log_prob(tf.zeros([1, 2])).numpy().round(3)
      array([-1.838], dtype=float32)
    """
    num_dims = latent.shape[-1]
    return -0.5 * (tf.reduce_sum(tf.square(latent), axis=-1) + num_dims * math.log(2.0 * math.pi))


def discrete_log_prob(density_log_prob: tf.Tensor, num_dims: int, num_bits: int) -> tf.Tensor:
    """log P of a discrete image from the log density of its dequantised one (nats).

    A bin has the volume 2^(−bits·D): log P = log p − D·ln 2^bits, a lower bound in expectation
    over the noise (Theis et al. 2016).

    Args:
      density_log_prob: log p of each image, `[B]`, in nats.
      num_dims: D, the number of pixels times channels.
      num_bits: How many bits of a pixel are modelled.

    Returns:
      Nats, `[B]`.

    Example:
      >>> density = tf.constant([0.0])  # Uniform: 256 values have 1/256 each.
      >>> tfglow.likelihood.discrete_log_prob(density, num_dims=1, num_bits=8).numpy().round(3)
      array([-5.545], dtype=float32)
    """
    return density_log_prob - num_dims * num_bits * math.log(2.0)


def bits_per_dim(log_prob: tf.Tensor, num_dims: int) -> tf.Tensor:
    """−log_prob / (D·ln 2): bits a value, from nats.

    Args:
      log_prob: log P of each image, `[B]`, in nats.
      num_dims: D, the number of pixels times channels.

    Returns:
      Bits per dimension, `[B]`; lower is likelier.

    Example:
      >>> log_prob = tf.constant([-64 * 8 * np.log(2.0)], tf.float32)  # Uniform over 64 bytes.
      >>> tfglow.likelihood.bits_per_dim(log_prob, num_dims=64).numpy()
      array([8.], dtype=float32)
    """
    return -log_prob / (num_dims * math.log(2.0))


class LogProbTerms(NamedTuple):
    """A log-likelihood taken apart, in nats; both `levels` and `places` add up to `log_prob`.

    Example:
      >>> terms = glow.log_prob_terms(images)
      >>> terms.levels.shape, terms.places.shape
      (TensorShape([64, 2]), TensorShape([64, 8, 8]))
      >>> bool(np.allclose(tf.reduce_sum(terms.places, axis=[1, 2]), terms.log_prob, rtol=1e-4))
      True
    """

    log_prob: tf.Tensor  #: log P of each image, [B].
    levels: tf.Tensor  #: Each level's part: its Gaussian and its log-dets, [B, L].
    places: tf.Tensor  #: Each pixel's part, [B, H, W].
    squared_norms: tf.Tensor  #: ‖ε‖² of each level's latent, [B, L].


def log_prob_terms(terms: Sequence[tuple[tf.Tensor, tf.Tensor]], num_bits: int) -> LogProbTerms:
    """The log-likelihood of discrete images from what each level of a flow adds to it.

    A level whose ε has c channels at each of h × w places adds, at a place,

        Σ_c log N(ε; 0, 1) + log |det| − c·num_bits·ln 2.

    Its place (i, j) covers a block of pixels, among which this is spread evenly.

    Args:
      terms: ε `[B, h, w, c]` and log |det| `[B, h, w]` of each level, from data to latent; the
        first has half of the image's height and width, and every next one half of that.
      num_bits: Bits of a pixel's channel.

    Example:
      >>> eps, log_det = tf.zeros([1, 1, 1, 4]), tf.zeros([1, 1, 1])
      >>> terms = tfglow.likelihood.log_prob_terms([(eps, log_det)], num_bits=0)
      >>> terms.places.numpy().round(3)  # −½·ln 2π each
      array([[[-0.919, -0.919],
              [-0.919, -0.919]]], dtype=float32)
    """
    levels, squared_norms, places = [], [], []
    for number, (eps, log_det) in enumerate(terms):
        squares = tf.reduce_sum(tf.square(eps), axis=-1)  # [B, h, w]
        constant = eps.shape[-1] * (0.5 * math.log(2.0 * math.pi) + num_bits * math.log(2.0))
        place = log_det - 0.5 * squares - constant
        levels.append(tf.reduce_sum(place, axis=[1, 2]))
        squared_norms.append(tf.reduce_sum(squares, axis=[1, 2]))
        factor = 2 ** (number + 1)
        pixels = tf.repeat(tf.repeat(place, factor, axis=1), factor, axis=2)  # [B, H, W]
        places.append(pixels / factor**2)
    by_level = tf.stack(levels, axis=-1)
    return LogProbTerms(
        log_prob=tf.reduce_sum(by_level, axis=-1),
        levels=by_level,
        places=tf.add_n(places),
        squared_norms=tf.stack(squared_norms, axis=-1),
    )


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The likelihood of a set of images, in bits per dimension; lower is better.

    Example:
      >>> found = tfglow.likelihood.evaluate(glow.log_prob, [{"image": images}], num_dims=64)
      >>> found.num_images, found.num_draws
      (64, 1)
      >>> 0.0 < found.standard_error < 0.2
      True
    """

    #: Mean over images and noise draws: an upper bound on the discrete model's.
    bits_per_dim: float
    #: Standard error of `bits_per_dim` over images.
    standard_error: float
    #: With log-mean-exp over the noise draws of an image in place of the mean: a tighter bound.
    bits_per_dim_importance: float
    #: Standard error of `bits_per_dim_importance` over images.
    standard_error_importance: float
    #: How many images there were.
    num_images: int
    #: How many noise draws of each.
    num_draws: int


def evaluate(
    log_prob_fn: Callable[..., tf.Tensor],
    batches: Iterable[dict[str, tf.Tensor]],
    num_dims: int,
    num_draws: int = 1,
    seed: int = 0,
) -> Evaluation:
    """The mean likelihood of images over several draws of the dequantisation noise.

    It is not finite if an image's is not; a warning says how many there are, and the first.

    Args:
      log_prob_fn: `log_prob_fn(images, labels=..., noise=...)` in nats, `[B]`, such as
        `Glow.log_prob`.
      batches: Dictionaries with `image` uint8 `[B, H, W, C]` and, for a conditional model,
        `label` `[B]`.
      num_dims: D, the number of pixels times channels.
      num_draws: Noise draws an image.
      seed: Seed of the noise; the same seed and batches give the same result.

    Raises:
      ValueError: If `num_draws` is not positive or there is no image.

    Example:
      >>> def uniform(images, noise):
      ...     return tf.fill([len(images)], -64 * 8 * np.log(2.0))
      >>> found = tfglow.likelihood.evaluate(uniform, [{"image": images}], num_dims=64, num_draws=2)
      >>> found.bits_per_dim, found.standard_error
      (8.0, 0.0)
    """
    if num_draws < 1:
        raise ValueError(f"`num_draws` must be at least 1, got {num_draws}.")
    means, tight = [], []
    for index, batch in enumerate(batches):
        images = batch["image"]
        labels = batch.get("label")
        draws = []
        for draw in range(num_draws):
            noise = tf.random.experimental.stateless_fold_in([seed, index], draw)
            noise = tf.random.stateless_uniform(tf.shape(images), noise)
            kwargs = {} if labels is None else {"labels": labels}
            draws.append(log_prob_fn(images, noise=noise, **kwargs).numpy())
        log_probs = np.stack(draws).astype(np.float64)  # [draws, B]
        means.append(log_probs.mean(axis=0))
        peak = log_probs.max(axis=0)
        with np.errstate(invalid="ignore"):
            tight.append(peak + np.log(np.mean(np.exp(log_probs - peak), axis=0)))
    if not means:
        raise ValueError("There is no image to evaluate.")
    finite = np.isfinite(np.concatenate(means))
    if not finite.all():
        warnings.warn(
            f"Images without a finite likelihood: {np.sum(~finite)} of {finite.size}, the first is "
            f"number {np.argmin(finite)}. Nor is the mean finite.",
            RuntimeWarning,
            stacklevel=2,
        )
    mean, error = _mean_and_error(bits_per_dim(np.concatenate(means), num_dims))
    tight_mean, tight_error = _mean_and_error(bits_per_dim(np.concatenate(tight), num_dims))
    return Evaluation(
        bits_per_dim=mean,
        standard_error=error,
        bits_per_dim_importance=tight_mean,
        standard_error_importance=tight_error,
        num_images=sum(len(m) for m in means),
        num_draws=num_draws,
    )


def _mean_and_error(values: np.ndarray) -> tuple[float, float]:
    with np.errstate(invalid="ignore"):  # −∞ − −∞
        error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else float("nan")
    return float(values.mean()), float(error)
