"""Flags from the fields of a configuration."""

import argparse
from pathlib import Path

import pytest

from tests.tfglow.test_fields import Sample
from tfglow.flags import add_flags, given


def parse(*arguments, **kwargs):
    parser = argparse.ArgumentParser(prog="program", allow_abbrev=False)
    add_flags(parser, Sample, **{"exclude": ("inner", "pairs"), **kwargs})
    return given(parser.parse_args(arguments), Sample)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("--count=4", 4),
        ("--rate=2e-4", 2e-4),
        ("--decay=none", None),
        ("--decay=0.5", 0.5),
        ("--on", True),
        ("--on=false", False),
        ("--on=1", True),
        ("--tri=None", None),
        ("--tri=FALSE", False),
        ("--name=none", "none"),
        ("--kind=z", "z"),  # The configuration refuses it, in its own words.
        ("--shape=4,5", (4, 5)),
        ("--shape=(4,5)", (4, 5)),
        ("--rates=0.5", (0.5,)),
        ("--path=a/b", Path("a/b")),
    ],
)
def test_a_flag_is_read_by_its_fields_type(argument, value):
    name = argument[2:].partition("=")[0]
    assert parse(argument) == {name: value}


def test_what_was_not_given_is_absent():
    assert parse() == {}
    assert parse("--count=3", "--free=0") == {"count": 3, "free": 0}


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--count=many", "argument --count: expected an integer, got 'many'"),
        ("--free=x", "argument --free: expected an integer or none, got 'x'"),
        ("--rate=fast", "argument --rate: expected a finite number, got 'fast'"),
        ("--on=perhaps", "argument --on: expected true or false, got 'perhaps'"),
        ("--shape=8,x", "argument --shape: expected 2 integers, got '8,x'"),
        ("--rates=", "argument --rates: expected a sequence of finite numbers, got ''"),
        ("--inner=3", "unrecognized arguments: --inner=3"),
    ],
)
def test_a_text_of_another_type_is_quoted(argument, message, capsys):
    with pytest.raises(SystemExit):
        parse(argument)
    assert message in capsys.readouterr().err


def test_help_says_what_a_field_is_and_its_default(capsys):
    with pytest.raises(SystemExit):
        parse("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "--count N How many (default: 3)." in text
    assert "--on [true|false] On or off (default: false)." in text
    assert "--kind x|y A kind (default: x)." in text
    assert "--shape X,X,... A shape (default: 2,3)." in text
    assert "--decay X A decay (default: none)." in text
    with pytest.raises(SystemExit):
        parse("--help", defaults={"count": 5})
    text = " ".join(capsys.readouterr().out.split())
    assert "How many (default: 5). --bits N Bits." in text
    with pytest.raises(SystemExit):
        parse("--help", notes={"count": "or more"})
    text = " ".join(capsys.readouterr().out.split())
    assert "How many (default: 3; or more). --bits" in text


def test_a_field_that_must_be_given_is_a_flag_that_must():
    import dataclasses

    from tfglow.fields import field

    @dataclasses.dataclass(frozen=True)
    class Required:
        path: Path = field(help="A path.")

    parser = argparse.ArgumentParser()
    add_flags(parser, Required)
    with pytest.raises(SystemExit):
        parser.parse_args([])
    assert given(parser.parse_args(["--path=x"]), Required) == {"path": Path("x")}
