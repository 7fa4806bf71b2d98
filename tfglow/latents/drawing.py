"""Latents of samples, drawn in NumPy."""

import numpy as np
from numpy.typing import ArrayLike


def draw_latents(seeds: ArrayLike, num_dims: int, temperature: ArrayLike = 1.0) -> np.ndarray:
    """T·ε with ε ~ N(0, I): the latents that a served `sample` decodes, in distribution.

    A model's prior is no part of them: `decode` applies the mean and scale of its top level,
    learned or of a label, and those of its splits. So they are the same for every model, and a
    temperature scales all levels at once.

    A row depends on its own seed alone. The numbers are those of `np.random.default_rng(seed)`,
    not the ones that TensorFlow draws for that seed: the same seed is another sample when served.

    Args:
      seeds: int64, `[N]`.
      num_dims: D, the length of a latent.
      temperature: T, for all rows or `[N]`, from 0.

    Returns:
      float32, `[N, D]`.

    Raises:
      ValueError: If the seeds are no integers of 64 bits in a row, a temperature is negative or not
        finite, or there is not one for each seed, or `num_dims` is not positive.

    Example:
      >>> latents = tfglow.latents.draw_latents([0, 1], num_dims=64, temperature=0.7)
      >>> latents.shape
      (2, 64)
      >>> glow.decode(latents).shape
      TensorShape([2, 8, 8, 1])
    """
    numbers = np.asarray(seeds)
    # An empty list has NumPy's default dtype, float64.
    integers = numbers.dtype.kind in "iu" or numbers.size == 0
    if numbers.ndim != 1 or not integers or np.any(numbers > np.iinfo(np.int64).max):
        raise ValueError(f"`seeds` must be int64 numbers, [N], got {seeds!r}.")
    temperatures = np.asarray(temperature)
    if temperatures.dtype.kind not in "iuf" or temperatures.shape not in ((), numbers.shape):
        raise ValueError(
            f"`temperature` must be a number, or one for each of {len(numbers)} seeds; got "
            f"{temperature!r}."
        )
    if not np.all((temperatures >= 0) & (temperatures <= np.finfo(np.float32).max)):
        raise ValueError(f"`temperature` must be finite and >= 0, got {temperature!r}.")
    if num_dims < 1:
        raise ValueError(f"`num_dims` must be at least 1, got {num_dims!r}.")
    latents = np.empty([len(numbers), num_dims], np.float32)
    for row, seed in zip(latents, numbers, strict=True):
        # NumPy's seeds are not negative: the same 64 bits, read as unsigned.
        generator = np.random.default_rng(int(seed) % 2**64)
        generator.standard_normal(dtype=np.float32, out=row)
    return latents * temperatures.astype(np.float32)[..., None]
