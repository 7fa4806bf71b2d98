"""Paths between two latents."""

import numpy as np
from numpy.typing import ArrayLike

PATHS = ("linear", "spherical")


def interpolate(
    first: np.ndarray, second: np.ndarray, steps: int, path: str = "linear"
) -> np.ndarray:
    """Latents on a path from one to another, both ends included.

    With t from 0 to 1 in equal steps:

        linear:     (1 − t)·z₁ + t·z₂
        spherical:  (sin((1 − t)·ω)·z₁ + sin(t·ω)·z₂) / sin ω,   cos ω = z₁·z₂ / (|z₁|·|z₂|)

    The linear path is the paper's (section 6). Latents of images have a norm near √D, which a
    linear path leaves in its middle and a spherical one keeps (White 2016, arXiv:1609.04468).

    Args:
      first: z₁, `[D]`.
      second: z₂, `[D]`.
      steps: How many latents, at least the two ends.
      path: "linear" or "spherical". Latents that are parallel, or zero, have no arc between
        them: the straight line is its limit.

    Returns:
      `[steps, D]`, of the dtype of `first`; the ends are `first` and `second` exactly.

    Raises:
      ValueError: If the latents are not two of one length, or an argument is out of range.

    Example:
      >>> a, b = np.array([0.0, 2.0]), np.array([2.0, 0.0])
      >>> tfglow.latents.interpolate(a, b, steps=3)
      array([[0., 2.],
             [1., 1.],
             [2., 0.]])
      >>> tfglow.latents.interpolate(a, b, steps=3, path="spherical")[1].round(3)
      array([1.414, 1.414])
    """
    if steps < 2:
        raise ValueError(f"`steps` must be at least 2, the two ends, got {steps}.")
    return between(first, second, np.linspace(0.0, 1.0, steps), path)


def between(
    first: np.ndarray, second: np.ndarray, positions: ArrayLike, path: str = "linear"
) -> np.ndarray:
    """The latents of `interpolate` at any positions.

    Args:
      first: z₁, `[D]`.
      second: z₂, `[D]`.
      positions: The t, `[P]`, each from 0 to 1.
      path: "linear" or "spherical", as in `interpolate`.

    Returns:
      `[P, D]`, of the dtype of `first`; at 0 and 1 `first` and `second` exactly.

    Raises:
      ValueError: If the latents are not two of one length, or an argument is out of range.

    Example:
      >>> tfglow.latents.between(np.array([0.0, 4.0]), np.array([4.0, 0.0]), positions=[0.25])
      array([[1., 3.]])
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(
            "A path needs two latents of one length, [D], got the shapes "
            f"{list(first.shape)} and {list(second.shape)}."
        )
    if path not in PATHS:
        raise ValueError(f"`path` must be one of {', '.join(PATHS)}; got {path!r}.")
    t = np.asarray(positions, np.float64)
    if t.ndim != 1 or not np.all((t >= 0.0) & (t <= 1.0)):
        raise ValueError(f"`positions` must be a row of numbers from 0 to 1, got {positions!r}.")
    t = t[:, None]  # [P, 1]
    a, b = first.astype(np.float64), second.astype(np.float64)
    weight_a, weight_b = 1.0 - t, t
    angle = _angle(a, b) if path == "spherical" else 0.0
    if np.sin(angle) > 1e-6:
        weight_a = np.sin((1.0 - t) * angle) / np.sin(angle)
        weight_b = np.sin(t * angle) / np.sin(angle)
    latents = (weight_a * a + weight_b * b).astype(first.dtype)  # [P, D]
    latents[t[:, 0] == 0.0], latents[t[:, 0] == 1.0] = first, second
    return latents


def _angle(a, b):
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return np.arccos(np.clip(a @ b / norms, -1.0, 1.0)) if norms else 0.0
