"""Scores of images, held against those of images that were not trained on."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tfglow.checks import check_integer, check_positive_integer
from tfglow.scoring.density import StatisticsDensity
from tfglow.scoring.scores import SCORES

# With fewer in each half the smallest p-value is no small number, and there is no density.
FEWEST_IMAGES = 40


def check_alpha(alpha: float, num_held: int) -> float:
    """A bound of p-values, if it can tell anything.

    Args:
      alpha: Images with a p-value of at most this are anomalies.
      num_held: How many calibration images a score is held against.

    Raises:
      ValueError: If it is not below 1, or below the smallest p-value.
    """
    smallest = 1.0 / (1 + num_held)
    if not smallest <= alpha < 1:
        raise ValueError(
            f"`alpha` must be below 1, and at least {smallest:.3g}, the smallest p-value with "
            f"{num_held} calibration images; got {alpha!r}."
        )
    return alpha


def check_num_images(num_images: int) -> None:
    """Refuses to fit a calibration on too few images.

    Raises:
      ValueError: If there are fewer than `FEWEST_IMAGES`.
    """
    if num_images < FEWEST_IMAGES:
        raise ValueError(
            f"A detector needs at least {FEWEST_IMAGES} images that were not trained on, got "
            f"{num_images}."
        )


def num_held(num_images: int) -> int:
    """Of so many images those that scores are held against; the others are fitted."""
    return num_images - num_images // 2


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What a `Detector` learnt; numbers and constants only, so that it goes into a graph."""

    # The score by which an image is an anomaly.
    statistic: str
    # Draws of the dequantisation noise, and their seed.
    num_draws: int
    seed: int
    # Mean bits per dimension of the images that were fitted.
    mean_bits_per_dim: float
    # The density of several of their statistics.
    density: StatisticsDensity
    # The scores of the other images, in rising order, by name, [n] each.
    scores: dict[str, np.ndarray]
    # Bits per dimension of the other images, in rising order.
    bits_per_dim: np.ndarray

    @classmethod
    def fit(
        cls, statistics: dict[str, np.ndarray], statistic: str, num_draws: int, seed: int
    ) -> "Calibration":
        """What statistics of images, `[N]` each by name, say of other images like them.

        Raises:
          ValueError: If there are too few images, one has no finite likelihood, or nothing varies.
        """
        bits = statistics["bits_per_dim"].astype(np.float64)
        check_num_images(len(bits))
        unlikely = np.flatnonzero(~np.isfinite(bits))
        if unlikely.size:
            raise ValueError(
                f"Of {len(bits)} images, {unlikely.size} without a finite likelihood, the first "
                f"number {unlikely[0]}: a detector cannot be fitted on them."
            )
        order = np.random.default_rng(seed).permutation(len(bits))
        fitted, held = np.split(order, [len(order) - num_held(len(order))])
        density = StatisticsDensity.fit(
            {
                name: values[fitted]
                for name, values in statistics.items()
                if name.startswith(("bits_level", "squared_norm_level", "complexity"))
            },
            seed,
        )
        mean = float(np.mean(bits[fitted]))
        unheld = cls(statistic, num_draws, seed, mean, density, {}, np.sort(bits[held]))
        scores = unheld._scores({n: tf.constant(v[held]) for n, v in statistics.items()})
        return dataclasses.replace(
            unheld, scores={name: np.sort(score.numpy()) for name, score in scores.items()}
        )

    def apply(self, statistics: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Scores and p-values of images, `[B]` each, from their statistics.

        `typicality` and `density`, as `Detector` says; `p_value_NAME` of every score; `p_value`,
        that of `statistic`. Where there is no finite likelihood the scores are infinite, and the
        p-values the smallest.
        """
        scores = self._scores(statistics)
        p_values = {}
        for name, score in scores.items():
            held = tf.constant(self.scores[name])
            smaller = tf.searchsorted(held, score, side="left")
            # Looked up: a graph may divide by way of the reciprocal, and a p-value that is `alpha`
            # would come out above it.
            num = len(self.scores[name])
            shares = tf.constant(np.arange(1, num + 2) / (num + 1))
            p_values[f"p_value_{name}"] = tf.gather(shares, tf.size(held) - smaller)
        own = {name: scores[name] for name in ("typicality", "density")}
        return {**own, **p_values, "p_value": p_values[f"p_value_{self.statistic}"]}

    def _scores(self, statistics):
        """Every score, `[B]`, float64."""
        given = {name: tf.cast(value, tf.float64) for name, value in statistics.items()}
        bits = given["bits_per_dim"]
        finite = tf.math.is_finite(bits)
        safe = {name: tf.where(finite, value, 0.0) for name, value in given.items()}
        scores = {
            **{name: given[name] for name in SCORES if name in given},
            "typicality": tf.abs(bits - self.mean_bits_per_dim),
            "density": -self.density.log_prob(safe),
        }
        infinite = tf.constant(np.inf, tf.float64)
        return {
            name: score if name == "complexity_png" else tf.where(finite, score, infinite)
            for name, score in scores.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """The calibration as lists and numbers."""
        return {
            "statistic": self.statistic,
            "num_draws": self.num_draws,
            "seed": self.seed,
            "mean_bits_per_dim": self.mean_bits_per_dim,
            "density": self.density.to_dict(),
            "scores": {name: values.tolist() for name, values in self.scores.items()},
            "bits_per_dim": self.bits_per_dim.tolist(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Calibration":
        """The calibration that `to_dict` described.

        Raises:
          KeyError, TypeError, AttributeError: If something is missing, or of another kind.
          ValueError: If something cannot be what `fit` learnt.
        """
        result = cls(
            **{
                **values,
                "num_draws": check_positive_integer("num_draws", values["num_draws"]),
                "seed": check_integer("seed", values["seed"], 0),
                "density": StatisticsDensity.from_dict(values["density"]),
                "scores": {n: np.asarray(v, np.float64) for n, v in values["scores"].items()},
                "bits_per_dim": np.asarray(values["bits_per_dim"], np.float64),
            }
        )
        if result.statistic not in SCORES:
            raise ValueError(
                f"its statistic is {result.statistic!r}, expected one of {', '.join(SCORES)}"
            )
        if sorted(result.scores) != sorted(SCORES):
            raise ValueError(
                f"it has the scores {', '.join(result.scores) or 'of nothing'}, expected "
                f"{', '.join(SCORES)}"
            )
        if not np.isfinite(result.mean_bits_per_dim):
            raise ValueError(f"its mean_bits_per_dim is {result.mean_bits_per_dim!r}")
        shape = result.bits_per_dim.shape
        for name, held in {**result.scores, "bits_per_dim": result.bits_per_dim}.items():
            # NaN is in no order.
            in_order = held.ndim == 1 and held.size and np.all(held == np.sort(held))
            if not in_order or held.shape != shape:
                raise ValueError(
                    f"its {name} of the calibration images are no numbers in rising order, one an "
                    "image"
                )
        return result
