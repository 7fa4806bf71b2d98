"""Evaluates a trained run: `python train/evaluate.py --help`."""

import json
import sys
from typing import Any

from tfglow import tensorflow_log
from tfglow.counting import counted
from tfglow.datasets.data_set_check import check_data_set
from tfglow.fields import fields
from tfglow.flags import add_flags, given
from tfglow.one_sentence_parser import OneSentenceParser
from tfglow.runs import RunFolder
from tfglow.whole_files import check_place, replace_file
from train.config import TrainConfig
from train.evaluate_config import EvaluateConfig
from train.plain_warnings import plain_warnings
from train.skipped import read_skipped

_DESCRIPTION = """\
Prints the bits per dimension of a run's model on a split, of its raw and its averaged weights.

  python train/evaluate.py --run_dir=runs/fashion --draws=10

"mean" averages over images and over draws of the dequantisation noise. "importance" takes the
log-mean-exp over an image's draws instead, a tighter bound on the likelihood. Both are followed by
their standard error over images.
"""

# The fields of a run's configuration that may be others while it is evaluated.
_OF_RUN = (
    "dataset",
    "data_dir",
    "train_folder",
    "test_folder",
    "classes_from",
    "white",
    "bad_images",
    "batch_size",
)


def evaluate_run(config: EvaluateConfig, **of_run: Any) -> dict[str, Any]:
    """Evaluates a run's model on images.

    Args:
      config: What to evaluate.
      **of_run: Fields of `TrainConfig` in place of the run's own: the data set, how its images are
        read, and `batch_size`, the images at a time.

    Returns:
      What was evaluated, and under "raw" and "averaged" the fields of `Evaluation`, with
      `class_bits` and `accuracy` for a model with a classifier.

    Raises:
      ValueError: If an argument, the run folder, its checkpoint or the data is not usable.
    """
    unknown = of_run.keys() - set(_OF_RUN)
    if unknown:
        raise ValueError(f"{sorted(unknown)} must be of {', '.join(_OF_RUN)}.")
    run = RunFolder.open(config.run_dir)
    asked = of_run if config.split is None else {**of_run, "eval_split": config.split}
    run_config = _run_config(run, asked)
    check_data_set(run_config.dataset, run_config.data_dir)
    tensorflow_log.start_tensorflow()
    from train import strategies
    from train.data import load_split
    from train.evaluator import Evaluator

    # Before anything is read: replicas are set up while TensorFlow has not started.
    where = strategies.make_strategy(config.strategy)
    found = run.saved_weights(config.checkpoint)
    # Of the run's own images those are left out that the run left out.
    left_out = None if set(asked) - {"batch_size"} else read_skipped(run)
    data = load_split(run_config, run_config.eval_split, left_out)
    result: dict[str, Any] = {
        "checkpoint": found["raw"].prefix,
        "step": found["raw"].step,
        "dataset": run_config.dataset,
        "split": data.split,
    }
    for weights, saved in found.items():
        with where.scope():
            glow = saved.load()
        evaluator = Evaluator(
            glow,
            where,
            batch_size=run_config.batch_size,
            jit_compile=strategies.compiles(where, run_config.jit_compile),
        )
        evaluation, classes = evaluator.evaluate(
            data, config.images, num_draws=config.draws, seed=config.seed
        )
        result[weights] = {**vars(evaluation), **classes}
    return result


@plain_warnings()
def main(arguments: list[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit status."""
    flags = _parser().parse_args(arguments)
    try:
        if flags.json:
            check_place(flags.json)
        config = EvaluateConfig(**given(flags, EvaluateConfig))
        of_run = {name: value for name, value in vars(flags).items() if name in _OF_RUN}
        result = evaluate_run(config, **of_run)
        print(_table(result))
        if flags.json:
            replace_file(flags.json, json.dumps(result, indent=2) + "\n")
    except (ValueError, OSError) as error:
        sys.exit(f"train/evaluate.py: {error}")


def _parser() -> OneSentenceParser:
    parser = OneSentenceParser(prog="train/evaluate.py", description=_DESCRIPTION)
    add_flags(parser, EvaluateConfig)
    others = tuple(set(fields(TrainConfig)) - set(_OF_RUN))
    add_flags(
        parser,
        TrainConfig,
        exclude=others,
        defaults=dict.fromkeys(_OF_RUN, "the run's"),
        notes={"batch_size": "here images at a time"},
    )
    parser.add_argument("--json", metavar="FILE", help="Writes the result there too.")
    return parser


def _run_config(run: RunFolder, asked: dict[str, Any]) -> TrainConfig:
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
