"""Paths between two latents."""

from __future__ import annotations

import numpy as np


def interpolate(first: np.ndarray, second: np.ndarray, steps: int, path: str) -> np.ndarray:
    """`steps` latents [steps, D] from `first` to `second`, both [D], ends included.

    A `linear` path is the paper's (1 − t)·z₁ + t·z₂ (section 6). A `spherical` one keeps the
    norm of Gaussian latents: (sin((1 − t)ω)·z₁ + sin(tω)·z₂) / sin ω, ω their angle.

    Raises:
      ValueError: fewer than 2 steps, or another path.
    """
    if steps < 2:
        raise ValueError(f"`steps` is at least 2, the two ends, got {steps}")
    if path not in ("linear", "spherical"):
        raise ValueError(f"`path` is linear or spherical, got {path!r}")
    t = np.linspace(0.0, 1.0, steps)[:, None]  # [steps, 1]
    a, b = np.float64(first), np.float64(second)
    near, far = 1 - t, t
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    angle = np.arccos(np.clip(a @ b / norms, -1, 1)) if path == "spherical" and norms else 0.0
    # Parallel latents have no arc: the straight line is its limit.
    if np.sin(angle) > 1e-6:
        near, far = np.sin((1 - t) * angle) / np.sin(angle), np.sin(t * angle) / np.sin(angle)
    return (near * a + far * b).astype(np.float32)
