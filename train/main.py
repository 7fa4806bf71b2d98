"""Trains a Glow: `python train/main.py --help`."""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from train.config import TrainConfig
from train.data import own_image_shape
from train.flags import OneSentenceParser, add_config_flags, config_from_flags
from train.run import Summary, train_and_evaluate
from train.trainer import TrainingDiverged

_DESCRIPTION = """\
Trains a Glow and shows what it learnt.

  python train/main.py
      the embedded digits: minutes on two CPU cores
  python train/main.py --preset=cifar10 --data_dir=DIR
      the paper's CIFAR-10, as TFDS prepared it in DIR; add --batch_size, --width, ... to fit
  python train/main.py --dataset=folder --data_dir=DIR --image_shape=64,64,3 --levels=4
      a folder of images

Started again with the same --run_dir it goes on where it stopped.
"""


def parse(arguments: list[str]) -> tuple[TrainConfig, str]:
    """The configuration and the run folder of a command line.

    Raises:
      ValueError: If a value is out of range, or there is no such preset.
    """
    parser = OneSentenceParser(prog="train/main.py", description=_DESCRIPTION)
    parser.add_argument(
        "--run_dir",
        metavar="DIR",
        help="The run folder: all that the run writes (default: runs/ and the preset's name).",
    )
    add_config_flags(parser)
    flags = parser.parse_args(arguments)
    if "dataset" in flags and "preset" not in flags and "image_shape" not in flags:
        # Another data set than the default preset's: in its own size rather than the digits'.
        flags.image_shape = own_image_shape(flags.dataset, vars(flags).get("data_dir"))
    config = config_from_flags(flags)
    return config, flags.run_dir or os.path.join("runs", vars(flags).get("preset", config.dataset))


def main(arguments: list[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit status."""
    try:
        config, run_dir = parse(sys.argv[1:] if arguments is None else arguments)
        print(f"Run folder: {run_dir}", flush=True)
        summary = train_and_evaluate(config, run_dir)
    except (ValueError, TrainingDiverged) as error:
        sys.exit(f"train/main.py: {error}")
    print(_report(config, summary, run_dir), flush=True)


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
