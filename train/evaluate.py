"""Evaluates a trained run: `python train/evaluate.py --help`."""

import json
import os
import sys
from typing import Any

from tfglow import tensorflow_log
from tfglow.counting import counted
from tfglow.datasets.data_set_check import check_data_set
from tfglow.one_sentence_parser import OneSentenceParser
from tfglow.runs import RunFolder
from tfglow.whole_files import check_place, replace_file
from train.config import STRATEGIES, TrainConfig
from train.plain_warnings import plain_warnings
from train.skipped import read_skipped

_DESCRIPTION = """\
Prints the bits per dimension of a run's model on a split, of its raw and its averaged weights.

  python train/evaluate.py --run_dir=runs/fashion --draws=10

"mean" averages over images and over draws of the dequantisation noise. "importance" takes the
log-mean-exp over an image's draws instead, a tighter bound on the likelihood. Both are followed by
their standard error over images.
"""

# Those of one process.
_STRATEGIES = tuple(name for name in STRATEGIES if name != "multi_worker_mirrored")


def evaluate_run(
    run_dir: str | os.PathLike,
    *,
    split: str | None = None,
    dataset: str | None = None,
    data_dir: str | None = None,
    train_folder: str | None = None,
    test_folder: str | None = None,
    classes_from: str | None = None,
    bad_images: str | None = None,
    white: int | None = None,
    num_images: int | None = None,
    num_draws: int = 1,
    checkpoint: str | None = None,
    batch_size: int | None = None,
    strategy: str = "mirrored",
    seed: int = 0,
) -> dict[str, Any]:
    """Evaluates a run's model on images.

    Args:
      run_dir: The run folder.
      split: The split of the data set; by default the run's evaluation split.
      dataset: The data set; by default the run's.
      data_dir: The data set's folder; by default the run's.
      train_folder: The folder of images to train on, of a folder of images; by default the run's,
        as of the next two, unless `dataset` is another.
      test_folder: The folder of images to test on.
      classes_from: Whether subfolders are classes: "auto", "folders" or "none".
      bad_images: What is done about image files that cannot be read, "stop" or "skip"; by default
        as the run does.
      white: The value of white in image files of more than 8 bits; by default the run's, unless
        `dataset` is another.
      num_images: Evaluates only the first so many images; None: all.
      num_draws: How many draws of the noise an image is evaluated with.
      checkpoint: "best", "latest", or None: the best if there is one.
      batch_size: How many images are evaluated at a time; by default the run's.
      strategy: The distribution strategy to compute under, as for training.
      seed: The seed of the noise.

    Returns:
      What was evaluated, and under "raw" and "averaged" the fields of `Evaluation`, with
      `class_bits` and `accuracy` for a model with a classifier.

    Raises:
      ValueError: If an argument, the run folder, its checkpoint or the data is not usable.
    """
    for name, value in (("num_draws", num_draws), ("num_images", num_images)):
        if value is not None and value < 1:
            raise ValueError(f"`{name}` must be at least 1, got {value}.")
    if strategy not in _STRATEGIES:
        raise ValueError(f"`strategy` must be one of {', '.join(_STRATEGIES)}; got {strategy!r}.")
    run = RunFolder.open(run_dir)
    asked = {
        "dataset": dataset,
        "data_dir": data_dir,
        "train_folder": train_folder,
        "test_folder": test_folder,
        "classes_from": classes_from,
        "bad_images": bad_images,
        "white": white,
        "eval_split": split,
        "batch_size": batch_size,
    }
    asked = {name: value for name, value in asked.items() if value is not None}
    config = _config(run, asked)
    check_data_set(config.dataset, config.data_dir)
    tensorflow_log.start_tensorflow()
    from train import strategies
    from train.data import load_split
    from train.evaluator import Evaluator

    # Before anything is read: replicas are set up while TensorFlow has not started.
    where = strategies.make_strategy(strategy)
    found = run.saved_weights(checkpoint)
    # Of the run's own images those are left out that the run left out.
    left_out = None if set(asked) - {"batch_size"} else read_skipped(run)
    data = load_split(config, config.eval_split, left_out)
    result: dict[str, Any] = {
        "checkpoint": found["raw"].prefix,
        "step": found["raw"].step,
        "dataset": config.dataset,
        "split": data.split,
    }
    for weights, saved in found.items():
        with where.scope():
            glow = saved.load()
        evaluator = Evaluator(
            glow,
            where,
            batch_size=config.batch_size,
            jit_compile=strategies.compiles(where, config.jit_compile),
        )
        evaluation, classes = evaluator.evaluate(data, num_images, num_draws=num_draws, seed=seed)
        result[weights] = {**vars(evaluation), **classes}
    return result


@plain_warnings()
def main(arguments: list[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit status."""
    flags = _parser().parse_args(arguments)
    try:
        if flags.json:
            check_place(flags.json)
        result = evaluate_run(
            flags.run_dir,
            split=flags.split,
            dataset=flags.dataset,
            data_dir=flags.data_dir,
            train_folder=flags.train_folder,
            test_folder=flags.test_folder,
            classes_from=flags.classes_from,
            bad_images=flags.bad_images,
            white=flags.white,
            num_images=flags.images,
            num_draws=flags.draws,
            checkpoint=flags.checkpoint,
            batch_size=flags.batch_size,
            strategy=flags.strategy,
            seed=flags.seed,
        )
        print(_table(result))
        if flags.json:
            replace_file(flags.json, json.dumps(result, indent=2) + "\n")
    except (ValueError, OSError) as error:
        sys.exit(f"train/evaluate.py: {error}")


def _parser() -> OneSentenceParser:
    parser = OneSentenceParser(prog="train/evaluate.py", description=_DESCRIPTION)
    parser.add_argument("--run_dir", required=True, metavar="DIR", help="The run folder.")
    parser.add_argument("--split", metavar="NAME", help="Split to evaluate on; default: the run's.")
    parser.add_argument("--dataset", metavar="NAME", help="Data set; default: the run's.")
    parser.add_argument("--data_dir", metavar="DIR", help="Its folder; default: the run's.")
    for name in ("train_folder", "test_folder", "classes_from"):
        parser.add_argument(f"--{name}", metavar="NAME", help="As of training; default: the run's.")
    parser.add_argument(
        "--bad_images", metavar="stop|skip", help="As of training; default: the run's."
    )
    parser.add_argument(
        "--white", type=int, metavar="N", help="As of training; default: the run's."
    )
    parser.add_argument("--images", type=int, metavar="N", help="Only the first N; default: all.")
    parser.add_argument(
        "--draws", type=int, default=1, metavar="N", help="Noise draws an image; default: 1."
    )
    parser.add_argument(
        "--checkpoint",
        metavar="best|latest",
        help="Checkpoint; default: the best by evaluation, or where there is none the latest.",
    )
    parser.add_argument(
        "--batch_size", type=int, metavar="N", help="Images at a time; default: the run's."
    )
    parser.add_argument(
        "--strategy", default="mirrored", metavar="NAME", help=f"One of {', '.join(_STRATEGIES)}."
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="Seed of the noise; default: 0."
    )
    parser.add_argument("--json", metavar="FILE", help="Writes the result there too.")
    return parser


def _config(run: RunFolder, asked: dict[str, Any]) -> TrainConfig:
    """The run's configuration with what is asked for in place of its own."""
    values = run.read_config()
    if asked.get("dataset", values.get("dataset")) != values.get("dataset"):
        for name in ("train_folder", "test_folder", "classes_from", "white"):
            values.pop(name, None)
    values |= asked
    if "dataset" not in values:
        raise ValueError(
            f"The run {str(run.path)!r} was not trained here and names no data set: give `dataset`."
        )
    return TrainConfig.from_dict(values)


def _table(result: dict[str, Any]) -> str:
    lines = [
        f"{result['checkpoint']}, step {result['step']}; {result['dataset']}, split "
        f"{result['split']}: {counted(result['raw']['num_images'], 'image')}, "
        f"{counted(result['raw']['num_draws'], 'noise draw')}",
        f"{'bits per dimension':<20}{'mean':>18}{'importance':>22}",
    ]
    for weights in ("averaged", "raw"):
        if weights in result:
            values = result[weights]
            mean = f"{values['bits_per_dim']:.4f} ± {values['standard_error']:.4f}"
            tight = "{:.4f} ± {:.4f}".format(
                values["bits_per_dim_importance"], values["standard_error_importance"]
            )
            lines.append(f"{weights + ' weights':<20}{mean:>18}{tight:>22}")
            if "accuracy" in values:
                lines.append(f"  accuracy {values['accuracy']:.2%}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
