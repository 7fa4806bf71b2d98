"""Text from elsewhere, for a terminal or a log."""

import sys
from typing import TextIO

# What of one text from elsewhere is shown, in characters.
LONGEST = 2048


def printable(text: str, longest: int | None = None) -> str:
    """`text` in one line, without anything that a terminal would take for more than letters.

    Control characters, line ends, marks that turn the direction of writing, and whatever else
    `str.isprintable` is false for become escapes as in `\\x1b`.

    Args:
      text: What came.
      longest: How many characters of it are shown; what is more is counted. None shows all.
    """
    more = 0 if longest is None else max(0, len(text) - longest)
    shown = "".join(c if c.isprintable() else _escaped(c) for c in text[:longest])
    return f"{shown}... (and {more} characters more)" if more else shown


def say(text: str, file: TextIO | None = None) -> None:
    """Prints one line that may hold text from elsewhere, on standard output by default.

    Letters that the terminal's encoding does not have are escaped too.
    """
    file = sys.stdout if file is None else file
    encoding = getattr(file, "encoding", None) or "utf-8"
    shown = printable(text).encode(encoding, "backslashreplace").decode(encoding)
    print(shown, file=file)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
