"""Command-line flags from the fields of the configuration."""

import argparse
import dataclasses
import shlex
from collections.abc import Mapping

from tfglow import GlowConfig
from tfglow.datasets.data_set_check import check_data_set
from tfglow.datasets.image_folder import check_image_folder
from tfglow.fields import checked, fields
from tfglow.flags import add_flags, as_text, given
from tfglow.one_sentence_parser import did_you_mean
from tfglow.runs.run_folder import RunFolder
from train.config import TrainConfig
from train.data_defaults import CHOSEN_FIELDS
from train.presets import DEFAULT_PRESET, EMBEDDED_PRESETS, PRESETS
from train.workers import check_tf_config


def add_config_flags(
    parser: argparse.ArgumentParser, notes: Mapping[str, str] | None = None
) -> None:
    """Adds `--preset` and a flag for every field of the training and the model configuration.

    Args:
      parser: The parser.
      notes: What `--help` says after some of the default preset's values, by the fields' names.
    """
    parser.add_argument(
        "--preset",
        default=argparse.SUPPRESS,
        metavar="NAME",
        help=f"The configuration that the other flags change: {', '.join(PRESETS)} "
        f"(default: {DEFAULT_PRESET}). tiny is a smoke test of seconds, whose model is worse than "
        "a Gaussian.",
    )
    default = PRESETS[DEFAULT_PRESET]
    for title, config, exclude in (("training", default, ("model",)), ("model", default.model, ())):
        group = parser.add_argument_group(
            f"{title} (defaults: those of the preset {DEFAULT_PRESET})"
        )
        add_flags(group, type(config), exclude=exclude, defaults=vars(config), notes=notes)


def config_from_flags(flags: argparse.Namespace, base: TrainConfig | None = None) -> TrainConfig:
    """A configuration with the fields changed for which a flag was given.

    Args:
      flags: The flags that were given.
      base: The configuration; by default the preset, or the default preset.

    Raises:
      ValueError: If there is no such preset, or a value is out of range.
    """
    config = base or preset_of(flags)
    if config is None:
        raise ValueError(
            f"--dataset={flags.dataset} needs a --preset here: known are {', '.join(PRESETS)}."
        )
    model = dataclasses.replace(config.model, **given(flags, GlowConfig))
    return dataclasses.replace(config, model=model, **given(flags, TrainConfig))


def check_given(flags: argparse.Namespace, base: TrainConfig | None) -> None:
    """Refuses flags that no data set and no weights can make right.

    Args:
      flags: The flags that were given.
      base: The configuration that they change, where it is known; else each is checked by itself.

    Raises:
      ValueError: If a value is out of range, a folder of images is not there, or TF_CONFIG names no
        workers.
    """
    chosen = vars(flags)
    if base is not None:
        config_from_flags(flags, base)
    for cls in (GlowConfig, TrainConfig):
        for name, value in given(flags, cls).items():
            checked(fields(cls)[name], value)
    if chosen.get("strategy", base.strategy if base else None) == "multi_worker_mirrored":
        check_tf_config()
    if chosen.get("dataset", base.dataset if base else None) == "folder":
        check_image_folder(chosen.get("data_dir", base.data_dir if base else None))


def check_given_data(flags: argparse.Namespace, base: TrainConfig | None) -> None:
    """Refuses a data set that is not there, where it is known which.

    Args:
      flags: The flags that were given.
      base: The configuration that they change, where it is known.

    Raises:
      ValueError: If `tfglow.datasets.load` would not find it.
    """
    chosen = vars(flags)
    dataset = chosen.get("dataset", base.dataset if base else None)
    if dataset is not None:
        check_data_set(dataset, chosen.get("data_dir", base.data_dir if base else None))


def preset_of(flags: argparse.Namespace) -> TrainConfig | None:
    """The preset that flags name, an embedded data set's or the default one; else None.

    Raises:
      ValueError: If there is no such preset, or flags say where the data are but not what.
    """
    chosen = vars(flags)
    if "preset" in chosen:
        name = chosen["preset"]
        if name not in PRESETS:
            raise ValueError(f"Unknown preset {name!r}{did_you_mean(name, list(PRESETS))}")
        return PRESETS[name]
    if "dataset" in chosen:
        return PRESETS[chosen["dataset"]] if chosen["dataset"] in EMBEDDED_PRESETS else None
    if "data_dir" in chosen:
        raise ValueError(
            f"--data_dir={chosen['data_dir']} needs --dataset=folder, for a folder of images, "
            "--dataset= and the name of a TFDS data set, or a --preset."
        )
    return PRESETS[DEFAULT_PRESET]


def without_preset(flags: argparse.Namespace, config: TrainConfig) -> str | None:
    """A line about what was chosen for the data; None where there was a preset."""
    if preset_of(flags) is not None:
        return None
    values = vars(config.model) | vars(config)
    given_elsewhere = set(vars(flags))
    if config.init_from is not None:
        given_elsewhere |= {"warmup_steps", *vars(config.model)}
    chosen = [
        f"--{name}={as_text(values[name])}" for name in CHOSEN_FIELDS if name not in given_elsewhere
    ]
    line = f"Without --preset, chosen for the number and shape of the images: {' '.join(chosen)}"
    dataset = config.dataset.partition(":")[0]  # Without TFDS's version.
    presets = [name for name, preset in PRESETS.items() if preset.dataset == dataset]
    if presets:
        line += f" (for {dataset} there is --preset={' or '.join(presets)})"
    return line


def flags_of(config: TrainConfig) -> str:
    """A line for each field, the model's too: the flag that gives it."""
    values = {**vars(config), **vars(config.model)}
    names = (*fields(TrainConfig), *fields(GlowConfig))
    return "\n".join(f"--{name}={as_text(values[name])}" for name in names if name != "model")


def command(run: RunFolder, **flags: object) -> str:
    """The command line that goes on with a run, with these flags changed."""
    words = [f"--run_dir={run.path}", *(f"--{name}={as_text(v)}" for name, v in flags.items())]
    return " ".join(["python train/main.py", *map(shlex.quote, words)])
