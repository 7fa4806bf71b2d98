"""A request's JSON object, read field by field."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn


class BadRequest(ValueError):
    """What is wrong with a request of the page, a sentence; `status` is HTTP's."""

    def __init__(self, message: str, status: int = 400):
        super().__init__(message)
        self.status = status


class Body:
    """A JSON object whose fields are taken one by one, each checked.

    Every method raises BadRequest, with the field's name and its value, if it is something else.
    """

    def __init__(self, values: Any, name: str = "the body"):
        if not isinstance(values, Mapping):
            raise BadRequest(f"{name} must be a JSON object, got {_short(values)}")
        self._values = values

    @classmethod
    def parse(cls, content: bytes) -> "Body":
        """The object that `content` holds."""
        try:
            return cls(json.loads(content, parse_constant=_refuse_constant))
        except BadRequest:
            raise
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"the body is not JSON: {error}") from error

    def only(self, *names: str) -> "Body":
        """The same object, if it has no other fields."""
        for name in self._values:
            if name not in names:
                raise BadRequest(f"unknown field {_short(name)}; known are {', '.join(names)}")
        return self

    def has(self, name: str) -> bool:
        """Whether a field is there, and not null."""
        return self._values.get(name) is not None

    def integer(self, name: str, low: int, high: int) -> int:
        """An integer from `low` to `high`."""
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadRequest(
                f"`{name}` must be an integer from {low} to {high}, got {_short(value)}"
            )
        return value

    def number(self, name: str, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        value = self._values.get(name)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise BadRequest(
                f"`{name}` must be a number from {low:g} to {high:g}, got {_short(value)}"
            )
        return float(value)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of `choices`."""
        value = self._values.get(name)
        if not isinstance(value, str) or value not in choices:
            raise BadRequest(f"`{name}` must be one of {', '.join(choices)}, got {_short(value)}")
        return value

    def text(self, name: str) -> str:
        """A string of at most 200 characters."""
        value = self._values.get(name)
        if not isinstance(value, str) or len(value) > 200:
            raise BadRequest(f"`{name}` must be a short string, got {_short(value)}")
        return value

    def object(self, name: str) -> "Body":
        """An object within this one."""
        return Body(self._values.get(name), f"`{name}`")

    def names(self) -> list[str]:
        """The fields' names."""
        return list(self._values)


def _short(value: Any) -> str:
    """A value for a message, cut where it is long."""
    text = "nothing" if value is None else repr(value) if _is_scalar(value) else "another kind"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _is_scalar(value: Any) -> bool:
    # The digits of a huge integer are refused by Python itself.
    return isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 2**70)


def _refuse_constant(text: str) -> NoReturn:
    raise BadRequest(f"numbers must be finite, got {text}")
