"""JSON read by pieces, each of them small.

`json.loads` holds Python's lock until it is done, seconds for a large body, in which a server
answers nobody. Here a body is walked by hand down to the rows of its tensors, and each row is
parsed by itself: between two of them other threads have their turn.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from serving.embedded.request_checks import RequestError, invalid_argument

_no_space = re.compile(r"[^ \t\n\r]").search
_decoder = json.JSONDecoder()
# What a number looks like that may be too large for a float. Python makes it infinity.
_may_overflow = re.compile(r"\d{300}|[eE]\+?\d{3}").search
# More than a request or a signature's inputs have names.
_MOST_MEMBERS = 64
# RapidJSON's words, which are TF Serving's, for those of Python's parser.
_WORDS = {
    "Expecting value": "Invalid value.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Expecting ',' delimiter": "Missing a comma or } after an object member.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid control character at": "Invalid encoding in string.",
}


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number


# Slower; the words NaN and Infinity it takes as the other does.
_finite_decoder = json.JSONDecoder(parse_float=_finite)


def parse_error(words: str, place: int | None = None) -> RequestError:
    """INVALID_ARGUMENT, worded as by TF Serving; `place` is where, in characters."""
    at = "" if place is None else f" at offset: {place}"
    return invalid_argument(f"JSON Parse error: {words}{at}")


class JsonWalker:
    """A place in a JSON text that moves on as what is there is read.

    Args:
      text: The text.
      longest: The most characters of a value that is parsed in one piece.
      most: The most elements of a list that is read element by element.
    """

    def __init__(self, text: str, longest: int, most: int):
        self._text = text
        self._longest = longest
        self._most = most
        self._at = 0

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        found = _no_space(self._text, self._at)
        self._at = found.start() if found else len(self._text)
        return self._text[self._at : self._at + 1]

    def value(self) -> Any:
        """The value here, parsed in one piece.

        Raises:
          RequestError: INVALID_ARGUMENT, if there is none, or it is too long or nested too deeply.
        """
        self.peek()
        end = self._at + self._longest
        piece = self._text[self._at : end]
        try:
            value, length = _decoder.raw_decode(piece)
            if _may_overflow(piece, 0, length):
                _finite_decoder.raw_decode(piece)
        except RecursionError:
            raise parse_error("Lists and objects are nested too deeply.", self._at) from None
        except json.JSONDecodeError as error:
            if end < len(self._text) and not piece.isspace():
                raise parse_error(
                    f"Invalid value, or one of more than {self._longest} characters, which no row "
                    "of the model needs.",
                    self._at,
                ) from None
            words = _WORDS.get(error.msg, "Invalid value.")
            raise parse_error(words, self._at + error.pos) from None
        except ValueError:  # As too large a float, or more digits than Python reads.
            raise parse_error("Number too big to be stored in double.", self._at) from None
        self._at += length
        return value

    def skip(self) -> None:
        """Passes over the value here, by its elements and theirs where these are lists.

        Raises:
          RequestError: INVALID_ARGUMENT, as `value` and `elements` do.
        """
        if self.peek() == "{":
            for _ in self.members():
                self._skip_list()
        else:
            self._skip_list()

    def members(self) -> Iterator[str]:
        """The names of the object here; before the next one is asked for, its value is to be read.

        Raises:
          RequestError: INVALID_ARGUMENT, if there is no object.
        """
        for number, _ in enumerate(self._separated("{", "}", "an object member")):
            if number == _MOST_MEMBERS:
                raise invalid_argument(f"a JSON object has more than {_MOST_MEMBERS} members")
            if self.peek() != '"':
                raise parse_error("Missing a name for object member.", self._at)
            name = self.value()
            if self.peek() != ":":
                raise parse_error("Missing a colon after a name of object member.", self._at)
            self._at += 1
            yield name

    def elements(self, read: Callable[[], Any]) -> list[Any]:
        """The elements of the list here, each read by `read`.

        Raises:
          RequestError: INVALID_ARGUMENT, if there is no list, or one of too many elements.
        """
        found: list[Any] = []
        for _ in self._separated("[", "]", "an array element"):
            if len(found) == self._most:
                raise invalid_argument(
                    f"Task size is larger than maximum input batch size {self._most}"
                )
            found.append(read())
        return found

    def end(self) -> None:
        """Checks that nothing follows.

        Raises:
          RequestError: INVALID_ARGUMENT, if something does.
        """
        if self.peek():
            raise parse_error("The document root must not be followed by other values.", self._at)

    def _skip_list(self) -> None:
        if self.peek() == "[":
            self.elements(lambda: self.value() and None)
        else:
            self.value()

    def _separated(self, opening: str, closing: str, what: str) -> Iterator[None]:
        if self.peek() != opening:
            raise parse_error("Invalid value.", self._at)
        self._at += 1
        if self.peek() == closing:
            self._at += 1
            return
        while True:
            yield
            after = self.peek()
            if after not in (",", closing):
                raise parse_error(f"Missing a comma or {closing} after {what}.", self._at)
            self._at += 1
            if after == closing:
                return
