"""Measures which statistic tells what apart."""

import dataclasses
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfglow.one_sentence_parser import OneSentenceParser
from tfglow.runs.run_folder import RunFolder
from tfglow.scoring.scores import SCORES
from tfglow.tensorflow_log import start_tensorflow
from tfglow.whole_files import replace_file
from train.config import TrainConfig
from train.experiments.altered_images import altered_sets, pasted
from train.experiments.image_flags import integers
from train.experiments.sweep import run_missing
from train.flags import add_config_flags, config_from_flags
from train.outputs import check_folder
from train.pictures import write_png
from train.scoring.config import ScoreConfig
from train.training_diverged import TrainingDiverged

_DESCRIPTION = """\
Measures which statistic tells which anomalies from the images that a model was trained on, and
which does not.

  python train/experiments/anomalies.py altered --run_dir=runs/fashion --result_dir=runs/altered
      of a run: constant images, noise, blurred and shuffled ones, a pasted square
  python train/experiments/anomalies.py left_out --preset=digits --result_dir=runs/left_out
      trains a model without a class, for each class in turn, and looks for that class

In --result_dir there are the images as PNG files, the folder that train/score.py writes for each
set, and at the end anomalies.json and anomalies.md. Started again it does what is missing.
"""

# The statistics in the table, beside those of each level.
_SHOWN = SCORES
_LEAST_IMAGES = 100


def altered(run_dir: str | os.PathLike, folder: str | os.PathLike, seed: int = 0) -> dict[str, Any]:
    """What a run's model makes of altered images of its evaluation split.

    The first half of the split fits the detector; the second half is told from its alterations.

    Args:
      run_dir: The run folder.
      folder: The folder of the result.
      seed: Seed of what is drawn.

    Returns:
      The reports of `train/score.py` by set.

    Raises:
      ValueError: If the run is conditional, or its split has fewer than 100 images.
    """
    run = RunFolder.open(run_dir)
    config = TrainConfig.from_dict(run.read_config())
    if config.model.num_classes:
        raise ValueError(f"The run {str(run_dir)!r} is conditional; altered images have no class.")
    folder = check_folder(folder)
    start_tensorflow()
    split = config.eval_split
    halves = f"{split}[:50%]", f"{split}[50%:]"
    images = _images(config, halves[1])[0]
    if len(images) < _LEAST_IMAGES // 2:
        raise ValueError(
            f"The split {split!r} must have at least {_LEAST_IMAGES} images, its second half has "
            f"{len(images)}."
        )
    sets = altered_sets(images, seed)
    sets["pasted"], masks = pasted(images, seed)
    reports = {}
    for name, changed in sets.items():
        place = folder / name
        _write_images(place / "images", changed)
        if name == "pasted":
            _write_images(place / "masks", masks[..., None] * np.uint8(255))
        reports[name] = _scored(
            place / "scores",
            run_dir=Path(run_dir),
            data=config.data_dir if config.dataset == "folder" else config.dataset,
            split=halves[1],
            fit=halves[0],
            anomalies=str(place / "images"),
            masks=str(place / "masks") if name == "pasted" else None,
            heat_maps=name == "pasted",
        )
    _write_result(folder, reports)
    return reports


def left_out(
    config: TrainConfig, folder: str | os.PathLike, classes: Sequence[int] | None = None
) -> dict[str, Any]:
    """Trains a model without a class, for each class in turn, and tells the class from the others.

    Of the other classes' images 70% are trained on, 15% fit the detector, and 15% are told from the
    class that was left out.

    Args:
      config: The configuration of the runs, of a data set with labels; the model is unconditional.
      folder: The folder of the runs and the result.
      classes: Which classes to leave out; None: each.

    Returns:
      The reports of `train/score.py` by class; of those that are finished, if a run was stopped.

    Raises:
      ValueError: If the data have no such classes, or a run was started otherwise.
      TrainingDiverged: If a run diverges.
    """
    if config.model.num_classes:
        raise ValueError("The models are unconditional: leave out --num_classes.")
    folder = check_folder(folder)
    start_tensorflow()
    parts = [_images(config, split) for split in (config.train_split, config.eval_split)]
    images, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    known = sorted(set(labels.tolist()))
    chosen = known if classes is None else list(classes)
    if len(known) < 2 or not set(chosen) <= set(known):
        raise ValueError(f"The classes of {config.dataset!r} are {known}, got {chosen}.")
    reports = {}
    for label in chosen:
        place = folder / f"without_{label}"
        others = images[labels != label]
        others = others[np.random.default_rng(config.model.seed).permutation(len(others))]
        train, rest = np.split(others, [int(0.7 * len(others))])
        _write_images(place / "data" / "train", train)
        _write_images(place / "data" / "test", rest)
        _write_images(place / "anomalies", images[labels == label])
        data_dir = str(place / "data")
        own = dataclasses.replace(config, dataset="folder", data_dir=data_dir, classes_from="none")
        own = dataclasses.replace(own, train_split="train", eval_split="test")
        if not run_missing({"run": own}, place):
            break
        reports[str(label)] = _scored(
            place / "scores",
            run_dir=place / "run",
            data=data_dir,
            split="test[50%:]",
            fit="test[:50%]",
            anomalies=str(place / "anomalies"),
            checkpoint="latest",
        )
    _write_result(folder, reports)
    return reports


def auroc_table(reports: Mapping[str, Any]) -> str:
    """The AUROC of every score on every set, a row a set, in Markdown, with 95% intervals."""
    lines = [
        "| set | images | " + " | ".join(_SHOWN) + " |",
        "|---|---:|" + "---:|" * len(_SHOWN),
    ]
    for name, report in reports.items():
        found = [report["statistics"][score]["auroc"] for score in _SHOWN]
        best = max(interval["value"] for interval in found)
        cells = [_cell(interval, interval["value"] == best) for interval in found]
        count = report["sets"]["anomalies"]["images"]
        lines.append(f"| {name} | {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def alarm_table(reports: Mapping[str, Any]) -> str:
    """How many ordinary images have a p-value of at most alpha, a row a set, in Markdown."""
    alphas = ("0.01", "0.05", "0.1")
    lines = ["| set | images | " + " | ".join(alphas) + " |", "|---|---:|" + "---:|" * len(alphas)]
    for name, report in reports.items():
        shares = report["share_with_p_value_at_most"]["data"]["density"]
        count = report["sets"]["data"]["images"]
        lines.append(f"| {name} | {count} | " + " | ".join(_cell(shares[a]) for a in alphas) + " |")
    return "\n".join(lines) + "\n"


def _cell(interval, is_best=False):
    value = f"{interval['value']:.3f}"
    value = f"**{value}**" if is_best else value
    return f"{value} [{interval['low']:.2f}, {interval['high']:.2f}]"


def _images(config, split):
    """All images of a split, and their labels; zeros without labels."""
    from train.data import load_split

    data = load_split(config, split)
    batches = list(data.batches(256, shuffle=False, drop_remainder=False))
    images = np.concatenate([batch["image"].numpy() for batch in batches])
    if "label" not in batches[0]:
        return images, np.zeros(len(images), np.int64)
    return images, np.concatenate([batch["label"].numpy() for batch in batches])


def _write_images(folder, images):
    """Writes PNG files, unless all are there."""
    if folder.is_dir() and len(list(folder.iterdir())) == len(images):
        return
    folder.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(images):
        write_png(folder / f"{index:05}.png", image)


def _scored(out, **fields):
    """The report of `train/score.py` in this folder; scores the images if it is not there."""
    from train.scoring.running import score_run

    path = out / "report.json"
    if not path.exists():
        score_run(ScoreConfig(out=out, **fields))
    return json.loads(path.read_text())


def _write_result(folder, reports):
    if not reports:
        return
    replace_file(folder / "anomalies.json", json.dumps(reports, indent=2) + "\n")
    tables = f"AUROC\n\n{auroc_table(reports)}\nFalse alarms, by density\n\n{alarm_table(reports)}"
    replace_file(folder / "anomalies.md", tables)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit status."""
    parser = OneSentenceParser(prog="train/experiments/anomalies.py", description=_DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True)
    of_run = commands.add_parser("altered", help="altered images, for a run that there is")
    of_run.add_argument("--run_dir", required=True, metavar="DIR", help="The run folder.")
    of_run.add_argument("--seed", type=int, default=0, metavar="N", help="Seed of what is drawn.")
    trained = commands.add_parser("left_out", help="a class that was not trained on")
    for command in (of_run, trained):
        command.add_argument(
            "--result_dir", required=True, metavar="DIR", help="Where the result is."
        )
    trained.add_argument(
        "--classes", type=integers, metavar="N,N,...", help="Which to leave out; default: each."
    )
    add_config_flags(trained)
    flags = parser.parse_args(arguments)
    try:
        if flags.command == "altered":
            reports = altered(flags.run_dir, flags.result_dir, flags.seed)
        else:
            reports = left_out(config_from_flags(flags), flags.result_dir, flags.classes)
    except (ValueError, OSError, TrainingDiverged) as error:
        sys.exit(f"train/experiments/anomalies.py: {error}")
    if reports:
        print(auroc_table(reports), end="")
    print(f"Images, scores and result: {flags.result_dir}")


if __name__ == "__main__":
    main()
