"""A command line whose errors are one sentence."""

import argparse
import difflib
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from tfglow import tensorflow_log


class OneSentenceParser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, with the nearest flags for one that is unknown.

    `--help` keeps the lines of description and epilog, and ends with how TensorFlow's log is seen.

    Args:
      epilog: What `--help` says after the flags.
      kwargs: The other arguments of `argparse.ArgumentParser`.
    """

    def __init__(self, *, epilog: str | None = None, **kwargs: Any):
        super().__init__(
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog="\n\n".join(filter(None, (epilog and epilog.rstrip(), tensorflow_log.HELP))),
            **kwargs,
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
            kind = "flag" if name.startswith("-") else "argument"
            self.error(f"Unknown {kind} {name!r}{did_you_mean(name, sorted(set(_flags(self))))}")
        return parsed


def did_you_mean(name: str, known: list[str]) -> str:
    """The end of a sentence about an unknown name: what is near it, or all there is."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return "; see --help." if len(known) > 20 else f"; known are {', '.join(known)}."


def _flags(parser: argparse.ArgumentParser) -> Iterable[str]:
    """The flags of a parser, and of the commands that it has."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action.choices, dict):
            for command in action.choices.values():
                yield from _flags(command)
