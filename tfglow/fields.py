"""Fields of a configuration, described once: checks and JSON come from the description.

    @dataclasses.dataclass(frozen=True)
    class Config:
        width: int = field(512, help="Channels of the hidden convolutions.", low=1)

        def __post_init__(self) -> None:
            check(self)

`tfglow.flags` makes flags and their `--help` of the same fields. Nothing here needs TensorFlow.
"""

import dataclasses
import math
import numbers
import operator
import os
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

_Config = TypeVar("_Config")


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of a configuration, with all that is known of it.

    Bounds are those of a number, or of each number in a tuple; floats are finite in any case.
    """

    name: str
    # The annotated type.
    kind: Any
    # `dataclasses.MISSING` if a value must be given.
    default: Any
    # What the field is: a sentence or two.
    help: str
    # The smallest and the largest value.
    low: float | None
    high: float | None
    # What a value is more than, or less than.
    above: float | None
    below: float | None
    # All values that are allowed; empty if type and bounds alone say that.
    choices: tuple[str, ...]
    # Completes "must be ..." where the words made of type and bounds would say less.
    words: str | None
    # Reads a flag's text, in place of the reading by type; raises ValueError with a sentence.
    parse: Callable[[str], Any] | None
    # Why what was begun with one value cannot go on with another, or a function of both that says
    # so; "" if it can.
    fixed: str | Callable[[Any, Any], str]

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        words = f"one of {', '.join(self.choices)}" if self.choices else self.words
        if words is None:
            return noun(self.kind, self._bounds())
        return f"{words} or None" if None in _members(self.kind) else words

    def allows(self, value: Any) -> bool:
        """Whether a value of the field's type is within the bounds, or one of the choices."""
        if isinstance(value, tuple):
            return all(self.allows(element) for element in value)
        if isinstance(value, str) and self.choices:
            return value in self.choices
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return True
        return (
            math.isfinite(value)
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def keeps(self, before: Any, now: Any) -> str:
        """Why what was begun with one value cannot go on with another; "" if it can."""
        return self.fixed if isinstance(self.fixed, str) else self.fixed(before, now)

    def _bounds(self) -> str:
        """The bounds in words that follow a noun: " from 1 to 8", " >= 0 and < 1"."""
        if self.low is not None and self.high is not None:
            return f" from {self.low} to {self.high}"
        signs = {">=": self.low, ">": self.above, "<=": self.high, "<": self.below}
        parts = [f" {sign} {bound}" for sign, bound in signs.items() if bound is not None]
        return " and".join(parts)


def field(
    default: Any = dataclasses.MISSING,
    *,
    help: str,  # noqa: A002 - as argparse and all others call it
    default_factory: Any = dataclasses.MISSING,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] = (),
    words: str | None = None,
    parse: Callable[[str], Any] | None = None,
    fixed: str | Callable[[Any, Any], str] = "",
) -> Any:
    """A dataclass's field with what `Field` holds; without a default, a value must be given."""
    metadata = {
        "help": help,
        "low": low,
        "high": high,
        "above": above,
        "below": below,
        "choices": choices,
        "words": words,
        "parse": parse,
        "fixed": fixed,
    }
    if default_factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=default_factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


# Resolving a class's annotations takes longer than all else that a check does.
_FIELDS: dict[type, dict[str, Field]] = {}


def fields(cls: type) -> dict[str, Field]:
    """The fields of a dataclass, all made by `field`, by name."""
    found = _FIELDS.get(cls)
    if found is None:
        found = _FIELDS[cls] = dict(_read_fields(cls))
    return found


def _read_fields(cls: type) -> Iterator[tuple[str, Field]]:
    kinds = typing.get_type_hints(cls)
    for own in dataclasses.fields(cls):
        default = own.default
        if own.default_factory is not dataclasses.MISSING:
            default = own.default_factory()
        yield own.name, Field(own.name, kinds[own.name], default, **own.metadata)


def check(config: Any) -> None:
    """Checks every field of a configuration, and makes each value one of the field's own type.

    NumPy's numbers become Python's, an integer becomes a float where one is wanted, and a list
    becomes a tuple; a bool is no number, and a number no bool.

    Raises:
      ValueError: If a value is of another type, out of range, or none of the choices.
    """
    for name, own in fields(type(config)).items():
        # Also of a frozen dataclass.
        object.__setattr__(config, name, checked(own, getattr(config, name)))


def checked(own: Field, value: Any) -> Any:
    """A value as one of the field's own type.

    Raises:
      ValueError: If it is of another type, out of range, or none of the choices.
    """
    try:
        own_value = converted(value, own.kind)
        allowed = own.allows(own_value)
    except (TypeError, OverflowError):
        allowed = False
    if not allowed:
        stop = ";" if own.choices else ","
        raise ValueError(f"`{own.name}` must be {own.expected}{stop} got {value!r}.")
    return own_value


def to_dict(config: Any) -> dict[str, Any]:
    """The fields as JSON-serialisable values."""
    return {name: _plain(getattr(config, name)) for name in fields(type(config))}


def from_dict(cls: type[_Config], values: Mapping[str, Any]) -> _Config:
    """The configuration that `to_dict` described; fields that are not there have their defaults.

    Raises:
      ValueError: If a key is no field, or a value is not what the field must be.
    """
    known = fields(cls)
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"{cls.__name__} has no field {unknown}; its fields are {sorted(known)}.")
    given = dict(values)
    for name, value in values.items():
        for kind in _members(known[name].kind):
            described = isinstance(value, Mapping) and dataclasses.is_dataclass(kind)
            if described and isinstance(kind, type):
                given[name] = from_dict(kind, value)
    return cls(**given)


def noun(kind: Any, bounds: str = "", plural: bool = False) -> str:
    """What the values of a type are called, with the words for their bounds."""
    if typing.get_origin(kind) is tuple:
        elements = typing.get_args(kind)
        count = "a sequence of" if elements[-1] is Ellipsis else len(elements)
        return f"{count} {noun(elements[0], bounds, plural=True)}"
    members = _members(kind)
    if len(members) > 1:
        return " or ".join("None" if m is None else noun(m, bounds, plural) for m in members)
    words = {
        int: ("an integer", "integers"),
        float: ("a finite number", "finite numbers"),
        bool: ("True or False",) * 2,
        str: ("a string", "strings"),
        Path: ("a path", "paths"),
    }
    one, many = words.get(kind, (f"of the class {getattr(kind, '__name__', kind)}",) * 2)
    return (many if plural else one) + (bounds if kind in (int, float) else "")


def _members(kind: Any) -> tuple[Any, ...]:
    """The types of a union, with None for that of None; of another type the type itself."""
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return (kind,)
    return tuple(None if member is type(None) else member for member in typing.get_args(kind))


def converted(value: Any, kind: Any) -> Any:
    """`value` as one of a type: a number or bool of Python's, also from NumPy's.

    What NumPy has is a number like Python's own, and so is an array without dimensions. A bool is
    no number, a number no bool, and a float no integer.

    Raises:
      TypeError: If it is not one.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    members = _members(kind)
    if len(members) > 1:
        if value is None and None in members:
            return None
        for member in members:
            if member is not None:
                try:
                    return converted(value, member)
                except TypeError:
                    continue
        raise TypeError
    if typing.get_origin(kind) is tuple:
        return _converted_tuple(value, typing.get_args(kind))
    if kind is bool and isinstance(value, (bool, np.bool_)):
        return bool(value)
    if kind is int and not isinstance(value, bool):
        return operator.index(value)
    if kind is float and isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    if kind is Path and isinstance(value, (str, os.PathLike)):
        return Path(value)
    if kind not in (bool, int, float, Path) and isinstance(value, kind):
        return str(value) if kind is str else value
    raise TypeError


def _converted_tuple(value: Any, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple, np.ndarray)) or np.ndim(value) == 0:
        raise TypeError
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(value) != len(kinds):
        raise TypeError
    return tuple(converted(element, kind) for element, kind in zip(value, kinds, strict=True))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    if isinstance(value, tuple):
        return [_plain(element) for element in value]
    return str(value) if isinstance(value, Path) else value
