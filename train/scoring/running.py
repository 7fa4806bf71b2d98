"""Scores the images of a run: all that `train/score.py` does."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tfglow import Glow
from tfglow.counting import counted
from tfglow.runs import RunFolder
from tfglow.runs.saved_weights import SavedWeights
from tfglow.scoring import Detector
from tfglow.scoring.calibration import Calibration, check_alpha, check_num_images, num_held
from tfglow.whole_files import replace_file
from train.pictures import write_png
from train.scoring.checked_sets import CheckedSets
from train.scoring.comparison import comparison_report
from train.scoring.config import ScoreConfig
from train.scoring.extremes import Extremes
from train.scoring.heat_maps import HeatMaps
from train.scoring.image_set import ImageSet
from train.scoring.opening import Opener
from train.scoring.output_folder import check_output_folder, output_folder
from train.scoring.pixel_histogram import PixelHistogram
from train.scoring.progress import ScoreProgress
from train.scoring.report import detection_rates, write_figures, write_report
from train.scoring.score_table import ScoreTable
from train.scoring.scorer import Scorer
from train.scoring.set_totals import SetTotals
from train.scoring.summary import summary

_Values = dict[str, np.ndarray]


def score_run(config: ScoreConfig) -> dict[str, Any]:
    """Scores images and writes the folder `config.out`, all of it or nothing.

    Args:
      config: What is scored, and how.

    Returns:
      The content of `report.json`.

    Raises:
      ValueError: If an argument, the run, the detector or the data is not usable, or the folder
        cannot be written.
    """
    out = check_output_folder(config.out)
    run = RunFolder.open(config.run_dir)
    opener = Opener(
        run,
        data_dir=config.data_dir,
        label=config.label,
        bad_images=config.bad_images,
        report=print,
    )
    sets = CheckedSets.open(config, opener, print)
    if sets.fit is not None:
        # Before the work; of files that cannot be read there may be fewer.
        check_num_images(sets.fit.num_images)
        check_alpha(config.alpha, num_held(sets.fit.num_images))
    saved = run.find_weights(config.weights, config.checkpoint)
    glow = saved.load()
    detector = None
    if config.detector is not None:
        detector = Detector.load(config.detector, glow)
        detector.checked_alpha(config.alpha)
    result: dict[str, Any] = {"model": _described(config, saved), "alpha": config.alpha}
    with output_folder(out) as folder:
        detector, scorer = _calibrated(config, glow, detector, sets.fit, folder)
        if detector is not None:
            calibration = detector.calibration
            result["detector"] = {
                "statistic": calibration.statistic,
                "num_draws": calibration.num_draws,
                "calibration_images": len(calibration.bits_per_dim),
            }
        values = _score(config, sets, scorer, folder, result, print)
        if "anomalies" in values:
            result |= comparison_report(values, config.bootstrap)
            if detector is not None:
                result["share_with_p_value_at_most"] = detection_rates(values)
            write_figures(folder, values)
        result["skipped"] = _write_skipped(folder, sets)
        write_report(folder, result)
    for line in summary(result, out):
        print(line)
    return result


def _described(config: ScoreConfig, saved: SavedWeights) -> dict[str, Any]:
    return {
        "run_dir": os.fspath(config.run_dir),
        "checkpoint": saved.prefix,
        "step": saved.step,
        "weights": saved.kind,
        "num_bits": saved.config.num_bits,
    }


def _calibrated(
    config: ScoreConfig,
    glow: Glow,
    detector: Detector | None,
    images: ImageSet | None,
    folder: Path,
) -> tuple[Detector | None, Scorer]:
    """A scorer with the detector's calibration; with images, that of one fitted on them."""
    num_draws, seed = config.draws or 1, config.seed or 0
    if detector is not None:
        num_draws, seed = detector.calibration.num_draws, detector.calibration.seed
    scorer = Scorer(glow, batch_size=config.batch_size, num_draws=num_draws, seed=seed)
    if images is not None:
        # As `Detector.fit`, by the function that scores: it is traced once.
        progress = ScoreProgress(f"Fitting on {images.description}", images.num_images)
        parts = []
        for batch in images.batches(config.batch_size):
            parts.append(scorer(batch)[0])
            progress(len(batch.images))
        progress.close()
        if not parts:
            raise ValueError(f"No image of {images.description} can be read.")
        calibration = Calibration.fit(_joined(parts), config.statistic, num_draws, seed)
        detector = Detector(glow, calibration)
        detector.checked_alpha(config.alpha)
        detector.save(folder / "detector.json")
    if detector is not None:
        scorer.calibrate(detector.calibration)
    return detector, scorer


def _score(
    config: ScoreConfig,
    sets: CheckedSets,
    scorer: Scorer,
    folder: Path,
    result: dict[str, Any],
    report: Callable[[str], None],
) -> dict[str, _Values]:
    """Writes all but the comparison; returns the numbers of two sets, of one alone nothing."""
    heat_maps = HeatMaps(folder / "heat_maps") if config.heat_maps else None
    pixels = PixelHistogram(sets.masks)
    kept: dict[str, list[_Values]] = {}
    result["sets"] = {}
    with ScoreTable(folder / "scores.csv") as rows:
        for name, images in sets.scored.items():
            report(f"--{name}: {counted(images.num_images, 'image')}, {images.description}.")
            totals, extremes = SetTotals(config.alpha), Extremes()
            progress = ScoreProgress(f"Scoring {images.description}", images.num_images)
            for batch in images.batches(config.batch_size):
                values, places = scorer(batch)
                rows.write(name, batch, values)
                totals.add(batch, values)
                extremes.add(values["bits_per_dim"], batch.images)
                if heat_maps is not None:
                    heat_maps.add(name, batch, places)
                if sets.masks is not None:
                    pixels.add_batch(batch, places, anomalous=name == "anomalies")
                # Numbers alone, and only for a comparison: all else has constant size.
                if "anomalies" in sets.scored:
                    kept.setdefault(name, []).append(values)
                progress(len(batch.images))
            progress.close()
            result["sets"][name] = totals.to_dict(images)
            for end in ("most", "least"):
                write_png(folder / f"{name}_{end}_likely.png", extremes.sheet(end))
    if heat_maps is not None:
        result["heat_maps"] = {"scale_in_nats": heat_maps.write()}
    if sets.masks is not None:
        result["pixels"] = pixels.to_dict(config.bootstrap)
    return {name: _joined(parts) for name, parts in kept.items()}


def _write_skipped(folder: Path, sets: CheckedSets) -> int:
    """Writes `skipped_images.jsonl`, a line a file that could not be read; returns how many."""
    lines = [
        json.dumps({"set": name, **skipped._asdict()}) + "\n"
        for name, images in {"fit": sets.fit, **sets.scored}.items()
        for skipped in (images.skipped if images is not None else ())
    ]
    if lines:
        replace_file(folder / "skipped_images.jsonl", "".join(lines))
    return len(lines)


def _joined(parts: list[_Values]) -> _Values:
    """Numbers of batches, by name, as those of all images."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
