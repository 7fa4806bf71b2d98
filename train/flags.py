"""Command-line flags from the fields of the configuration."""

import argparse
import dataclasses
import difflib
import inspect
import re
import typing
from typing import Any, NoReturn

from tfglow import GlowConfig
from train.config import TrainConfig
from train.presets import DEFAULT_PRESET, PRESETS


class OneSentenceParser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, with the nearest flags for one that is unknown."""

    def __init__(self, **kwargs: Any):
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")

    def parse_args(self, args=None, namespace=None):
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
    """Adds `--preset` and a flag for every field of the training and the model configuration.

    A field's flag is its name, its help the comment above it, and its value parsed by its type; so
    a new field is a flag at once.
    """
    parser.add_argument(
        "--preset",
        default=argparse.SUPPRESS,
        metavar="NAME",
        help=f"The configuration that the other flags change: {', '.join(PRESETS)} "
        f"(default: {DEFAULT_PRESET}).",
    )
    for title, config_class in (("training", TrainConfig), ("model", GlowConfig)):
        group = parser.add_argument_group(f"{title} (default: the preset's)")
        comments = field_comments(config_class)
        types = typing.get_type_hints(config_class)
        for field in dataclasses.fields(config_class):
            if field.name != "model":
                _add_flag(group, field.name, types[field.name], comments[field.name])


def config_from_flags(flags: argparse.Namespace) -> TrainConfig:
    """The preset with the fields changed for which a flag was given.

    Raises:
      ValueError: If there is no such preset, or a value is out of range.
    """
    preset = vars(flags).get("preset", DEFAULT_PRESET)
    if preset not in PRESETS:
        raise ValueError(f"Unknown preset {preset!r}{did_you_mean(preset, list(PRESETS))}")
    config = PRESETS[preset]
    model = dataclasses.replace(config.model, **_given(flags, GlowConfig))
    return dataclasses.replace(config, model=model, **_given(flags, TrainConfig))


def field_comments(config_class: type) -> dict[str, str]:
    """The comment above each field of a dataclass, as one line."""
    comments, lines = {}, []
    for line in inspect.getsource(config_class).splitlines():
        comment = re.match(r"    # (.*)", line)
        field = re.match(r"    (\w+): ", line)
        if comment:
            lines.append(comment.group(1))
            continue
        if field:
            comments[field.group(1)] = " ".join(lines)
        lines = []
    return {field.name: comments[field.name] for field in dataclasses.fields(config_class)}


def _given(flags, config_class):
    given = vars(flags)
    names = [field.name for field in dataclasses.fields(config_class)]
    return {name: given[name] for name in names if name in given}


def _add_flag(group, name, kind, help_text):
    options = {
        "default": argparse.SUPPRESS,  # Absent from the result unless it was given.
        "help": help_text.replace("%", "%%"),
        "metavar": _metavar(kind),
        "type": _parser(kind),
    }
    if kind in (bool, bool | None):
        options |= {"nargs": "?", "const": True}
    group.add_argument(f"--{name}", **options)


def _metavar(kind):
    if typing.get_origin(kind) is tuple:
        return "X,X,..."
    kinds = [k for k in typing.get_args(kind) or (kind,) if k is not type(None)]
    return {int: "N", float: "X", bool: "true|false"}.get(kinds[0], "NAME")


def _parser(kind):
    """A function from a flag's text to a value of an annotated type."""
    elements = typing.get_args(kind) if typing.get_origin(kind) is tuple else None
    optional = elements is None and type(None) in typing.get_args(kind)
    plain = next(k for k in (elements or typing.get_args(kind) or (kind,)) if k is not type(None))

    def parse(text):
        if optional and text.lower() == "none":
            return None
        if elements is not None:
            return tuple(_parse_one(plain, part) for part in text.strip("()[]").split(","))
        return _parse_one(plain, text)

    parse.__name__ = {int: "integer", float: "number", bool: "true or false"}.get(plain, "text")
    return parse


def _parse_one(kind, text):
    if kind is not bool:
        return kind(text)
    values = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in values:
        raise ValueError
    return values[text.lower()]
