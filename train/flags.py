"""Command-line flags from the fields of the configuration."""

import argparse
import dataclasses
import difflib
from collections.abc import Sequence
from typing import Any, NoReturn

from tfglow import GlowConfig
from tfglow.flags import add_flags, given
from train.config import TrainConfig
from train.presets import DEFAULT_PRESET, PRESETS


class OneSentenceParser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, with the nearest flags for one that is unknown."""

    def __init__(self, **kwargs: Any):
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def error(self, message: str) -> NoReturn:
        """Ends the program with the sentence, without the usage."""
        self.exit(2, f"{self.prog}: {message}\n")

    # argparse's stubs have overloads for other classes of namespaces, which are not needed here.
    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """The flags; an unknown one ends the program, with the nearest that there are."""
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            name = unknown[0].partition("=")[0]
            known = [flag for action in self._actions for flag in action.option_strings]
            kind = "flag" if name.startswith("-") else "argument"
            self.error(f"Unknown {kind} {name!r}{did_you_mean(name, known)}")
        return parsed


def did_you_mean(name: str, known: list[str]) -> str:
    """The end of a sentence about an unknown name: what is near it, or all there is."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return "; see --help." if len(known) > 20 else f"; known are {', '.join(known)}."


def add_config_flags(parser: argparse.ArgumentParser) -> None:
    """Adds `--preset` and a flag for every field of the training and the model configuration."""
    parser.add_argument(
        "--preset",
        default=argparse.SUPPRESS,
        metavar="NAME",
        help=f"The configuration that the other flags change: {', '.join(PRESETS)} "
        f"(default: {DEFAULT_PRESET}).",
    )
    for title, cls, exclude, presets in (
        ("training", TrainConfig, ("model",), list(PRESETS.values())),
        ("model", GlowConfig, (), [preset.model for preset in PRESETS.values()]),
    ):
        group = parser.add_argument_group(f"{title} (where no default is shown: the preset's)")
        add_flags(group, cls, exclude=exclude, defaults=_common(presets))


def config_from_flags(flags: argparse.Namespace) -> TrainConfig:
    """The preset with the fields changed for which a flag was given.

    Raises:
      ValueError: If there is no such preset, or a value is out of range.
    """
    preset = vars(flags).get("preset", DEFAULT_PRESET)
    if preset not in PRESETS:
        raise ValueError(f"Unknown preset {preset!r}{did_you_mean(preset, list(PRESETS))}")
    config = PRESETS[preset]
    model = dataclasses.replace(config.model, **given(flags, GlowConfig))
    return dataclasses.replace(config, model=model, **given(flags, TrainConfig))


def _common(configs: Sequence[Any]) -> dict[str, Any]:
    """The fields, with their values, that all of these configurations share."""
    first, *others = (vars(config) for config in configs)
    return {
        name: value
        for name, value in first.items()
        if all(other[name] == value for other in others)
    }
