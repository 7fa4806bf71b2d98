"""Trains a Glow: `python train/main.py --help`."""

import argparse
import os
import sys
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from train import strategies
from train.config import TrainConfig
from train.data import given_data, num_images, own_image_shape
from train.data_defaults import CHOSEN_FIELDS, data_defaults, fitting_shape
from train.flags import (
    OneSentenceParser,
    add_config_flags,
    config_from_flags,
    flags_of,
    preset_of,
    without_preset,
)
from train.plain_warnings import plain_warnings
from train.run import Summary, train_and_evaluate
from train.trainer import TrainingDiverged

_DESCRIPTION = """\
Trains a Glow and shows what it learnt.

  python train/main.py
      the embedded digits: minutes on two CPU cores
  python train/main.py --preset=cifar10 --data_dir=DIR
      the paper's CIFAR-10, as TFDS prepared it in DIR; add --batch_size, --width, ... to fit
  python train/main.py --dataset=folder --data_dir=DIR --image_shape=64,64,3
      a folder of images; what is not given is chosen for their number and shape, and printed

Started again with the same --run_dir it goes on where it stopped.
"""

# What `--help` says of the fields that `data_defaults` chooses.
_CHOSEN_NOTE = "with --dataset and no --preset: chosen for the images, and printed"


def parse(arguments: list[str]) -> tuple[TrainConfig, str]:
    """The configuration and the run folder of a command line.

    Raises:
      ValueError: If a value is out of range, there is no such preset, or the data set is not there.
    """
    return configure(read_flags(arguments))


def read_flags(arguments: list[str]) -> argparse.Namespace:
    """The flags that were given; looks at no data."""
    parser = OneSentenceParser(prog="train/main.py", description=_DESCRIPTION)
    parser.add_argument(
        "--run_dir",
        metavar="DIR",
        help="The run folder: all that the run writes (default: runs/ and the name of the preset, "
        "or else of the data set).",
    )
    parser.add_argument(
        "--print_config",
        action="store_true",
        help="Print the value of every flag, such as a preset's or what was chosen for the data, "
        "and train nothing.",
    )
    add_config_flags(parser, notes=dict.fromkeys(CHOSEN_FIELDS, _CHOSEN_NOTE))
    return parser.parse_args(arguments)


def configure(flags: argparse.Namespace) -> tuple[TrainConfig, str]:
    """The configuration and the run folder that flags stand for; see `parse`.

    What is not given is the preset's. Without a preset it is, for another data set than the default
    preset's, what `data_defaults` chooses. This looks at the data, for which TensorFlow may compute
    something: a strategy must be made before.
    """
    given = vars(flags)
    base = preset_of(flags) or _data_base(given)
    config = config_from_flags(flags, base)
    name = given.get("preset", config.dataset)
    return config, flags.run_dir or os.path.join("runs", name)


def strategy_name(flags: argparse.Namespace) -> str:
    """The strategy that the configuration will name."""
    base = preset_of(flags) or TrainConfig()
    return vars(flags).get("strategy", base.strategy)


@plain_warnings()
def main(arguments: list[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit status."""
    try:
        flags = read_flags(sys.argv[1:] if arguments is None else arguments)
        # Before anything looks at the data: replicas are set up while TensorFlow has not started.
        strategy = strategies.make_strategy(strategy_name(flags))
        config, run_dir = configure(flags)
        if flags.print_config:
            print(flags_of(config.resolved()))
            return
        if strategies.is_chief(strategy):
            choice = without_preset(flags, config)
            print(*([choice] if choice else []), f"Run folder: {run_dir}", sep="\n", flush=True)
        summary = train_and_evaluate(config, run_dir, strategy=strategy)
    except (ValueError, TrainingDiverged) as error:
        sys.exit(f"train/main.py: {error}")
    print(_report(config, summary, run_dir), flush=True)


def _data_base(given: dict[str, Any]) -> TrainConfig:
    """What `data_defaults` chooses for the data set that was given."""
    data = given_data(given)
    shape = given.get("image_shape") or fitting_shape(own_image_shape(**data))
    data.pop("eval_split", None)
    chosen = {name: given.get(name) for name in ("batch_size", "epochs", "epoch_images")}
    return data_defaults(shape, num_images(shape, **data), **chosen)


def _report(config: TrainConfig, summary: Summary, run_dir: str) -> str:
    """The last words of a run."""
    if not summary.finished:
        return f"Stopped and saved at step {summary.step}; the same command goes on from there."
    if summary.eval_bits_per_dim is None:
        return f"Finished at step {summary.step}."
    split = f"{config.dataset}, split {config.eval_split}"
    lines = [
        f"Finished at step {summary.step}. Bits per dimension on {split}:",
        f"  Glow, averaged weights      {summary.eval_bits_per_dim:.4f}",
    ]
    if summary.gaussian_bits_per_dim is not None:
        lines.append(f"  Gaussian, full covariance   {summary.gaussian_bits_per_dim:.4f}")
    lines.append(f"Samples: {os.path.join(run_dir, 'samples')}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
