"""Command-line flags from the fields of a configuration."""

import argparse
import dataclasses
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tfglow.fields import Field, fields, noun


def add_flags(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup,
    cls: type,
    *,
    exclude: tuple[str, ...] = (),
    defaults: Mapping[str, Any] | None = None,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Adds a flag for every field of a configuration: `--name=value`, read by the field's type.

    A flag that was not given is absent from the result. A bool is also switched on by its name
    alone, and a field that may be None is set so by "none".

    Args:
      parser: The parser, or a group of one.
      cls: A dataclass of fields made by `tfglow.fields.field`.
      exclude: Names of fields that get no flag.
      defaults: The values that `--help` shows as defaults; by default those of the class.
      notes: What `--help` says after some of the defaults, by the fields' names.
    """
    for name, own in fields(cls).items():
        if name in exclude:
            continue
        default = own.default if defaults is None else defaults.get(name, dataclasses.MISSING)
        note = (notes or {}).get(name, "")
        options: dict[str, Any] = {"nargs": "?", "const": True} if _is_bool(own.kind) else {}
        parser.add_argument(
            f"--{name}",
            type=_reader(own),
            default=argparse.SUPPRESS,
            required=own.default is dataclasses.MISSING,
            metavar=_metavar(own),
            help=(own.help.removesuffix(".") + _shown(default, note)).replace("%", "%%"),
            **options,
        )


def given(flags: argparse.Namespace, cls: type) -> dict[str, Any]:
    """The fields of a configuration for which a flag was given."""
    return {name: value for name, value in vars(flags).items() if name in fields(cls)}


def as_text(value: Any) -> str:
    """The text that a flag reads a value from."""
    if isinstance(value, tuple):
        return ",".join(map(as_text, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _shown(default: Any, note: str) -> str:
    """The end of a flag's help."""
    if default in (dataclasses.MISSING, ()):
        return "."
    return f" (default: {as_text(default)}{note and f'; {note}'})."


def _metavar(own: Field) -> str:
    if own.choices:
        return "|".join(own.choices)
    if typing.get_origin(own.kind) is tuple:
        return "X,X,..."
    names = {int: "N", float: "X", bool: "true|false", Path: "PATH"}
    return names.get(_plain_kind(own.kind), "NAME")


def _is_bool(kind: Any) -> bool:
    return _plain_kind(kind) is bool


def _plain_kind(kind: Any) -> Any:
    """The type itself, of one that may be None that beside None, of a tuple its elements'."""
    members = [member for member in typing.get_args(kind) if member is not type(None)]
    return members[0] if members else kind


def _reader(own: Field) -> Callable[[str], Any]:
    """A function from a flag's text to a value of the field's type."""

    def read(text: str) -> Any:
        try:
            if own.parse is not None:
                return own.parse(text)
            return _read(text, own.kind)
        except ValueError as error:
            reason = str(error) if own.parse is not None else ""
            reason = reason or f"expected {noun(own.kind).lower()}, got {text!r}"
            raise argparse.ArgumentTypeError(reason) from error

    return read


def _read(text: str, kind: Any) -> Any:
    """Raises ValueError if the text is not of the type."""
    plain = _plain_kind(kind)
    if typing.get_origin(kind) is tuple:
        return tuple(_read(part, plain) for part in text.strip("()[]").split(","))
    if type(None) in typing.get_args(kind) and text.lower() == "none":
        return None
    if plain is not bool:
        return plain(text)
    values = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in values:
        raise ValueError(text)
    return values[text.lower()]
