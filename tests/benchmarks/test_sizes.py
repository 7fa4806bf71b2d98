import argparse

import pytest

from benchmarks.sizes import SIZES, Size, add_size_flags, choices, size_from


def test_flags_change_what_they_name():
    parser = argparse.ArgumentParser()
    add_size_flags(parser, default="paper")
    assert size_from(parser.parse_args([])) == SIZES["paper"]
    args = parser.parse_args(["--size=small", "--width=16", "--batch_size=4"])
    assert size_from(args) == Size(levels=3, steps=8, width=16, batch_size=4)


def test_choices_are_names_between_commas():
    parse = choices(SIZES)
    assert parse("tiny,paper") == ["tiny", "paper"]
    assert parse("") == []
    with pytest.raises(argparse.ArgumentTypeError, match="got 'huge'"):
        parse("tiny,huge")
