"""Trains a Glow: `python train/main.py --help`."""

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfglow import tensorflow_log
from tfglow.one_sentence_parser import OneSentenceParser
from tfglow.runs import RunFolder
from train.config import TrainConfig
from train.data_defaults import CHOSEN_FIELDS, data_defaults, fitting_shape
from train.flags import (
    add_config_flags,
    check_given,
    check_given_data,
    command,
    config_from_flags,
    flags_of,
    preset_of,
    without_preset,
)
from train.plain_warnings import plain_warnings
from train.presets import DEFAULT_PRESET, PRESETS
from train.training_diverged import TrainingDiverged

if TYPE_CHECKING:
    from train.run import Summary

_DESCRIPTION = """\
Trains a Glow and shows what it learnt.

  python train/main.py
      the embedded photographs of clothes: four minutes on two CPU cores
  python train/main.py --preset=cifar10 --data_dir=DIR
      the paper's CIFAR-10, as TFDS prepared it in DIR; add --batch_size, --width, ... to fit
  python train/main.py --dataset=folder --data_dir=DIR --image_shape=64,64,3
      a folder of images; what is not given is chosen for their number and shape, and printed
  python train/main.py --run_dir=runs/fashion --epochs=12
      a run that is there goes on where it stopped, with its own configuration but for the flags
  python train/main.py --init_from=runs/fashion --run_dir=runs/coarse --num_bits=3
      a new run from trained weights; the model's fields that are not given are theirs
  python train/main.py --dry_run ...
      what any of these would do: configuration, images, memory, time; writes no run
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
    parser.add_argument(
        "--dry_run",
        action="store_true",
        help="Say what would be trained, write a picture of the images as the model sees them, "
        "take a few steps to measure their time, and stop: no run folder is made or changed.",
    )
    add_config_flags(parser, notes=dict.fromkeys(CHOSEN_FIELDS, _CHOSEN_NOTE))
    return parser.parse_args(arguments)


def configure(flags: argparse.Namespace) -> tuple[TrainConfig, str]:
    """The configuration and the run folder that flags stand for; see `parse`.

    What is not given is, of a run that is there, its own. Of a new one it is the preset's. Without
    a preset it is, for another data set than the default preset's, what `data_defaults` chooses.
    This looks at the data, for which TensorFlow may compute something: a strategy must be made
    before.
    """
    given = vars(flags)
    if given.get("init_from") is not None:
        # Absolute, as the run may go on from another folder.
        flags.init_from = os.path.abspath(flags.init_from)
    base = known_base(flags)
    if base is None and given.get("init_from") is not None:
        base = _fine_tuning_base(flags)
    return config_from_flags(flags, base or _data_base(given)), _run_dir(flags)


def known_base(flags: argparse.Namespace) -> TrainConfig | None:
    """What flags change, where that is known without a look at data or weights; else None."""
    base = own_config(flags)
    if base is None and vars(flags).get("init_from") is None:
        base = preset_of(flags)
    return base


def strategy_name(flags: argparse.Namespace) -> str:
    """The strategy that the configuration will name."""
    base = own_config(flags)
    if base is None and not _takes_all_of_source(flags):
        base = preset_of(flags)
    return vars(flags).get("strategy", (base or TrainConfig()).strategy)


def own_config(flags: argparse.Namespace) -> TrainConfig | None:
    """That of the run that goes on; None for a new one, or if a preset is given in its place.

    Raises:
      ValueError: If the run's `config.json` is damaged.
    """
    run = RunFolder(Path(_run_dir(flags)))
    if "preset" in flags or not run.exists():
        return None
    return run.parsed_config(TrainConfig.from_dict)


@plain_warnings()
def main(arguments: list[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit status."""
    try:
        flags = read_flags(sys.argv[1:] if arguments is None else arguments)
        # What can be refused at once is; TensorFlow takes seconds to import.
        base = known_base(flags)
        check_given(flags, base)
        if flags.print_config and base is not None:
            print(flags_of(configure(flags)[0].resolved()))
            return
        check_given_data(flags, base)
        tensorflow_log.start_tensorflow()
        from train import strategies
        from train.dry_run import dry_run
        from train.run import train_and_evaluate

        # Before anything looks at the data: replicas are set up while TensorFlow has not started.
        strategy = strategies.make_strategy(strategy_name(flags))
        config, run_dir = configure(flags)
        if flags.print_config:
            print(flags_of(config.resolved()))
            return
        if strategies.is_chief(strategy):
            _say_what_was_chosen(flags, config, run_dir)
        if flags.dry_run:
            dry_run(config, run_dir, strategy)
            return
        summary = train_and_evaluate(config, run_dir, strategy=strategy)
    except (ValueError, OSError, TrainingDiverged) as error:
        sys.exit(f"train/main.py: {error}")
    print(_report(config, summary, run_dir), flush=True)


def _say_what_was_chosen(flags: argparse.Namespace, config: TrainConfig, run_dir: str) -> None:
    begun = own_config(flags) is not None or _takes_all_of_source(flags)
    choice = None if begun else without_preset(flags, config)
    print(*([choice] if choice else []), f"Run folder: {run_dir}", sep="\n", flush=True)
    if vars(flags).get("preset") == "tiny":
        print("--preset=tiny is a smoke test: its model ends worse than a Gaussian.", flush=True)
    run = RunFolder(Path(run_dir))
    if "init_from" in flags and run.exists() and config.init_from == _began_from(run):
        print("--init_from counted when this run began, and changes nothing now.", flush=True)


def _began_from(run: RunFolder) -> str | None:
    return run.read_config().get("init_from")


def _run_dir(flags: argparse.Namespace) -> str:
    given = vars(flags)
    name = given.get("preset", given.get("dataset", PRESETS[DEFAULT_PRESET].dataset))
    return flags.run_dir or os.path.join("runs", name)


def _fine_tuning_base(flags: argparse.Namespace) -> TrainConfig:
    """With the model's fields of the model that a new run starts from.

    The rest is the preset's; without one what suits the data set that is given; and without that
    what the run had that trained the model.
    """
    from train.fine_tuning import source_of

    given = vars(flags)
    source = source_of(flags.init_from, given)
    if _takes_all_of_source(flags):
        if "dataset" not in source.run_config:
            raise ValueError(
                f"--init_from={flags.init_from} does not say what it was trained on: give "
                "--dataset, or a --preset."
            )
        base = TrainConfig.from_dict(source.run_config)
        # The strategy was made before the source was read.
        base = dataclasses.replace(base, strategy=strategy_name(flags))
    else:
        shape = given.get("image_shape", source.config.image_shape)
        base = preset_of(flags) or _data_base({**given, "image_shape": shape})
    # No warm-up of a start from nothing.
    return dataclasses.replace(base, model=source.config, warmup_steps=None)


def _takes_all_of_source(flags: argparse.Namespace) -> bool:
    """Whether nothing but the model to start from says what is trained."""
    given = vars(flags)
    return given.get("init_from") is not None and not {"preset", "dataset"} & set(given)


def _data_base(given: dict[str, Any]) -> TrainConfig:
    """What `data_defaults` chooses for the data set that was given."""
    from train.data import given_data, num_images, own_image_shape

    data = given_data(given)
    shape = given.get("image_shape") or fitting_shape(own_image_shape(**data))
    data.pop("eval_split", None)
    chosen = {name: given.get(name) for name in ("batch_size", "epochs", "epoch_images")}
    return data_defaults(shape, num_images(shape, **data), **chosen)


def _report(config: TrainConfig, summary: "Summary", run_dir: str) -> str:
    """The last words of a run."""
    if not summary.finished:
        go_on = command(RunFolder(Path(run_dir)))
        return f"Stopped and saved at step {summary.step}; it goes on from there by {go_on}"
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
