"""What is odd about an image, by what images that were not trained on are like."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfglow import fields
from tfglow.checks import check_images, check_integer, check_positive_integer
from tfglow.config import GlowConfig
from tfglow.counting import counted
from tfglow.glow import Glow
from tfglow.local_paths import check_local_path
from tfglow.scoring.calibration import Calibration, check_alpha
from tfglow.scoring.other_weights import OtherWeights
from tfglow.scoring.scores import SCORES
from tfglow.scoring.statistics import statistic_names, statistics_function
from tfglow.scoring.weights_checksum import weights_checksum
from tfglow.whole_files import replace_file
from tfglow.writing import system_reason

# The number of the file's format.
_FORMAT = 1
# Groups that are drawn to see how far apart their means are.
_NUM_GROUPS = 10_000


class GroupScore(NamedTuple):
    """The typicality of a group of images."""

    # |mean bits per dimension − that of the images that were fitted|.
    typicality: float
    # How often a group of as many calibration images is as far away.
    p_value: float
    num_images: int


class Detector:
    """Tells images apart from those that it was fitted on, by a Glow's likelihood.

    Made by `Detector.fit` or `Detector.load`. Every score is larger for odder images:

    - `bits_per_dim`: what is unlikely is odd. It misleads: see docs/likelihood.md.
    - `complexity_png`: what is hard to compress is odd. It needs no model, and is the score to
      beat.
    - `bits_minus_complexity`: what is less likely than it is simple is odd (Serrà et al. 2020).
    - `typicality`: |bits/dim − its mean on the fitted images|, so that what is too likely is odd,
      too (Nalisnick et al. 2019b; `score_group` for several images).
    - `density`: −log of a kernel density of each level's bits and norm and of the complexity
      (after Morningstar et al. 2021, who take a density of such statistics).

    The p-value of an image is (1 + the number of calibration scores at least as large) / (n + 1).
    An image like those of the calibration has one of at most `alpha` with probability `alpha` at
    most, whatever the score is worth (Vovk et al. 2005).

    Args:
      glow: The model.
      calibration: What was learnt.

    Example:
      >>> noise = tf.random.stateless_uniform([64, 8, 8, 1], [1, 2], 0, 256, tf.int32)
      >>> detector = tfglow.scoring.Detector.fit(glow, images)
      >>> scores = detector.score(tf.cast(noise, tf.uint8))
      >>> bool(np.median(scores["p_value"]) < 0.1)  # Noise is odd among digits.
      True
    """

    def __init__(self, glow: Glow, calibration: Calibration):
        self.glow = glow
        self.calibration = calibration
        self._run = statistics_function(glow, calibration.num_draws, calibration.seed)

    @classmethod
    def fit(
        cls,
        glow: Glow,
        images: np.ndarray | Iterable[dict[str, Any]],
        labels: np.ndarray | None = None,
        *,
        statistic: str = "density",
        num_draws: int = 1,
        seed: int = 0,
        batch_size: int = 64,
    ) -> "Detector":
        """A detector calibrated on images that `glow` was not trained on.

        Half of them, drawn by `seed`, fit the mean and the density; the scores of the other half
        are what an image's score is held against. (Those of images that were fitted would be too
        small, and with them the p-values of others.)

        Args:
          glow: The model.
          images: uint8 `[N, H, W, C]`; or batches, such as a `tf.data.Dataset` gives: dictionaries
            with `image` and, for a conditional model, `label`.
          labels: int `[N]`, beside an array of images, for a conditional model.
          statistic: The score by which an image is an anomaly: see the class.
          num_draws: Draws of the dequantisation noise for an image.
          seed: Seed of the noise and of the halves.
          batch_size: Images at a time, of an array.

        Raises:
          ValueError: If there is no such statistic, there are too few images, or one has no finite
            likelihood.
        """
        if statistic not in SCORES:
            raise ValueError(f"`statistic` must be one of {', '.join(SCORES)}; got {statistic!r}.")
        num_draws = check_positive_integer("num_draws", num_draws)
        seed = check_integer("seed", seed, 0)
        run = statistics_function(glow, num_draws, seed)
        statistics = _concatenated(run(*b)[0] for b in _batches(glow, images, labels, batch_size))
        return cls(glow, Calibration.fit(statistics, statistic, num_draws, seed))

    def score(
        self,
        images: np.ndarray | Iterable[dict[str, Any]],
        labels: np.ndarray | None = None,
        *,
        batch_size: int = 64,
    ) -> dict[str, np.ndarray]:
        """All that is known of images, `[N]` each, by name.

        The statistics of `image_statistics`, `typicality`, `density`, `p_value_NAME` of every score
        and `p_value`, that of the detector's own. Arguments as for `fit`.
        """
        return _concatenated(
            self.score_batch(*batch)[0] for batch in _batches(self.glow, images, labels, batch_size)
        )

    def score_batch(
        self, images: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """As `score`, of one batch, and the nats of each pixel, `[B, H, W]`."""
        statistics, places = self._run(images, labels)
        return {**statistics, **self.calibration.apply(statistics)}, places

    def is_anomaly(
        self, images: np.ndarray, labels: np.ndarray | None = None, *, alpha: float = 0.05
    ) -> np.ndarray:
        """Whether each image's p-value is at most `alpha`, bool `[N]`; arguments as for `score`.

        Raises:
          ValueError: If `alpha` is not between 0 and 1, or so small that no image could be one.
        """
        alpha = self.checked_alpha(alpha)
        return self.score(images, labels)["p_value"] <= alpha

    def checked_alpha(self, alpha: float) -> float:
        """`alpha`, if it can tell anything with so many calibration images.

        Raises:
          ValueError: See `is_anomaly`.
        """
        return check_alpha(alpha, len(self.calibration.bits_per_dim))

    def score_group(self, images: np.ndarray, labels: np.ndarray | None = None) -> GroupScore:
        """Whether images, taken together, are as likely as those of the calibration.

        The typicality of the group's mean, held against that of groups of as many calibration
        images, drawn with replacement (Nalisnick et al. 2019b, algorithm 1).
        """
        statistics = _concatenated(
            self._run(*b)[0] for b in _batches(self.glow, images, labels, 64)
        )
        bits = statistics["bits_per_dim"].astype(np.float64)
        calibration = self.calibration
        rng = np.random.default_rng(calibration.seed)
        means = np.array(
            [rng.choice(calibration.bits_per_dim, len(bits)).mean() for _ in range(_NUM_GROUPS)]
        )
        typicality = abs(bits.mean() - calibration.mean_bits_per_dim)
        as_far = np.sum(np.abs(means - calibration.mean_bits_per_dim) >= typicality)
        return GroupScore(float(typicality), float((1 + as_far) / (1 + _NUM_GROUPS)), len(bits))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a JSON file, whole or not at all, with a checksum of the weights it belongs to.

        Raises:
          UnwritableFile: If it cannot be written; a `ValueError`.
        """
        values = {
            "format": _FORMAT,
            "weights_sha256": weights_checksum(self.glow),
            "model": self.glow.config.to_dict(),
            "calibration": self.calibration.to_dict(),
        }
        replace_file(path, json.dumps(values))

    @classmethod
    def load(cls, path: str | os.PathLike[str], glow: Glow) -> "Detector":
        """The detector that was saved, beside the weights that it belongs to.

        Raises:
          OtherWeights: If it was fitted with other weights; a `ValueError`.
          ValueError: If the file cannot be read, is no detector's, or was fitted with a model that
            has these weights and is another function of an image, such as of other bits.
        """
        try:
            text = Path(check_local_path(path, "The file of a detector")).read_text(
                encoding="utf-8"
            )
        except OSError as error:
            raise ValueError(f"Cannot read {os.fspath(path)!r}: {system_reason(error)}.") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{os.fspath(path)!r} is no file of a detector: no text.") from error
        try:
            values = json.loads(text)
            found, checksum = values["format"], values["weights_sha256"]
            if found != _FORMAT:
                raise ValueError(f"its format is {found!r}, this tfglow reads {_FORMAT}")
            calibration = Calibration.from_dict(values["calibration"])
            config = GlowConfig.from_dict(values["model"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error).rstrip(".")
            raise ValueError(f"{os.fspath(path)!r} is no file of a detector: {reason}.") from error
        if checksum != weights_checksum(glow):
            raise OtherWeights(
                f"{os.fspath(path)!r} was fitted with other weights than those of {glow.name} "
                "(averaged and raw weights differ, too): fit a detector with these."
            )
        others = list(_differences(config, glow.config))
        if others:
            raise ValueError(
                f"{os.fspath(path)!r} was fitted with a model of the same weights and another "
                f"configuration than {glow.name}'s: {', '.join(others)}; fit a detector with this."
            )
        unknown = set(calibration.density.names) - set(statistic_names(glow.config.levels))
        if unknown:
            raise ValueError(
                f"{os.fspath(path)!r} is no file of a detector of {glow.name}: its density is of "
                f"{', '.join(sorted(unknown))}, too."
            )
        return cls(glow, calibration)


def _differences(fitted: GlowConfig, now: GlowConfig) -> Iterator[str]:
    """The fields in which two models of equal weights are different functions of an image."""
    for name, own in fields.fields(GlowConfig).items():
        before, value = getattr(fitted, name), getattr(now, name)
        # A shuffle is drawn by the seed.
        matters = now.permutation == "shuffle" if name == "seed" else own.keeps(before, value)
        if before != value and matters:
            yield f"{name} {before!r}, not {value!r}"


def _batches(
    glow: Glow, images: Any, labels: Any, batch_size: int
) -> Iterator[tuple[tf.Tensor, tf.Tensor | None]]:
    """Images and labels of each batch, of an array or of a data set."""
    shape = glow.config.image_shape
    batch_size = check_positive_integer("batch_size", batch_size)
    if isinstance(images, np.ndarray | tf.Tensor):
        if labels is not None and len(labels) != len(images):
            raise ValueError(
                f"The labels must be one an image, got {counted(len(images), 'image')} and "
                f"{counted(len(labels), 'label')}."
            )
        for start in range(0, len(images), batch_size):
            part = slice(start, start + batch_size)
            yield check_images(images[part], shape), None if labels is None else labels[part]
        return
    if labels is not None:
        raise ValueError("`labels` go with an array of images; a data set's are in its batches.")
    for batch in images:
        if not isinstance(batch, Mapping) or "image" not in batch:
            raise ValueError(
                "Images must be an array [N, H, W, C], or batches that are dictionaries with "
                f"`image`; got a {type(images).__name__} of {type(batch).__name__}."
            )
        yield check_images(batch["image"], shape), batch.get("label")


def _concatenated(batches):
    """Results of batches, by name, as arrays of all images."""
    arrays = [{name: value.numpy() for name, value in batch.items()} for batch in batches]
    if not arrays:
        raise ValueError("There is no image to score.")
    return {name: np.concatenate([batch[name] for batch in arrays]) for name in arrays[0]}
