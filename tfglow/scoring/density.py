"""A kernel density of several statistics."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

# Kernels at most: a score then costs the same for any number of images that were fitted.
_MOST_KERNELS = 2000
# Directions of less variance than this, of 1 a statistic, are taken for rounding: a level's bits
# and norm say the same where its maps keep volumes.
_LEAST_VARIANCE = 1e-8


@dataclasses.dataclass(frozen=True)
class StatisticsDensity:
    """log p of statistics: Gaussian kernels at the points that were fitted (Scott's bandwidth).

    The kernels are in whitened coordinates, (s − mean)·whitening, of unit covariance. A statistic,
    or a combination of several, that does not vary is left out.
    """

    # The statistics, k of them.
    names: tuple[str, ...]
    mean: np.ndarray  # [k]
    whitening: np.ndarray  # [k, r]
    points: np.ndarray  # [m, r]
    # Standard deviation of each kernel, [r].
    bandwidth: np.ndarray

    @classmethod
    def fit(cls, statistics: dict[str, np.ndarray], seed: int = 0) -> "StatisticsDensity":
        """The density of statistics of images, `[N]` each by name.

        Raises:
          ValueError: If not one of them varies.
        """
        from scipy import stats

        table = np.stack(list(statistics.values()), axis=-1).astype(np.float64)  # [N, k]
        if len(table) > _MOST_KERNELS:
            table = np.random.default_rng(seed).permutation(table)[:_MOST_KERNELS]
        mean, deviation = table.mean(axis=0), table.std(axis=0)
        varies = deviation > 1e-7 * (1.0 + np.abs(mean))
        scale = np.where(varies, 1.0 / np.where(varies, deviation, 1.0), 0.0)
        variances, directions = np.linalg.eigh(np.cov((table - mean) * scale, rowvar=False, ddof=0))
        kept = variances > _LEAST_VARIANCE
        if not kept.any():
            raise ValueError(
                f"Of {', '.join(statistics)} nothing varies among the images: they have no density."
            )
        whitening = scale[:, None] * directions[:, kept] / np.sqrt(variances[kept])
        points = (table - mean) @ whitening
        kernels = stats.gaussian_kde(points.T)
        bandwidth = np.sqrt(np.diag(np.atleast_2d(kernels.covariance)))
        return cls(tuple(statistics), mean, whitening, points, bandwidth)

    def log_prob(self, statistics: dict[str, tf.Tensor]) -> tf.Tensor:
        """log p, `[B]`, float64, of statistics `[B]` by name, in whitened coordinates."""
        table = tf.stack([tf.cast(statistics[name], tf.float64) for name in self.names], axis=-1)
        kernels = tfd.MixtureSameFamily(
            tfd.Categorical(logits=tf.zeros([len(self.points)], tf.float64)),
            tfd.MultivariateNormalDiag(tf.constant(self.points), tf.constant(self.bandwidth)),
        )
        return kernels.log_prob(tf.linalg.matmul(table - self.mean, self.whitening))

    def to_dict(self) -> dict[str, Any]:
        """The density as lists and numbers."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "StatisticsDensity":
        """The density that `to_dict` described.

        Raises:
          ValueError: If its arrays are not finite, or their shapes do not go together.
        """
        arrays = {
            name: np.asarray(values[name], np.float64)
            for name in ("mean", "whitening", "points", "bandwidth")
        }
        names = tuple(values["names"])
        num_kernels, rank = len(arrays["points"]), arrays["bandwidth"].size
        shapes = {
            "mean": (len(names),),
            "whitening": (len(names), rank),
            "points": (max(1, num_kernels), rank),
            "bandwidth": (max(1, rank),),
        }
        for name, array in arrays.items():
            if array.shape != shapes[name] or not np.all(np.isfinite(array)):
                raise ValueError(
                    f"{name} of its density must be finite numbers of the shape {shapes[name]}, "
                    f"got the shape {array.shape}"
                )
        if np.any(arrays["bandwidth"] <= 0):
            raise ValueError("a bandwidth of its density is not above 0")
        return cls(names=names, **arrays)
