"""The sitting: parts one after another, with fakes that take no time."""

import sys

import pytest

from benchmarks import sitting
from benchmarks.sitting import PARTS, Part

VALUES = dict.fromkeys(("torch_python", "json", "run_dir", "runs_dir", "data_dir"), "x")
VALUES |= {"large_data": "x", "exports": "x"}


def test_a_part_that_fails_is_said_and_the_rest_goes_on(tmp_path, capsys):
    parts = [
        Part("refused", "sizes_that_are_not_there"),
        Part("nothing_set", "suite --output={nowhere}"),
        Part("help", "suite --help"),
    ]
    assert sitting.run(parts, tmp_path, {}) == 1
    refused, nothing_set, done = capsys.readouterr().out.splitlines()
    assert refused.startswith("1/3 refused: FAILED (exit status 1, see ")
    assert nothing_set.startswith("2/3 nothing_set: FAILED (needs --set nowhere=VALUE), ")
    assert done.startswith("3/3 help: done, ")
    text = (tmp_path / "help.txt").read_text(encoding="utf-8")
    said = [line.partition(":")[0] for line in text.splitlines()[:6]]
    assert said == ["date", "commit", "processor", "extensions", "load average", "command"]
    assert "avx512_bf16 " in text and "usage: " in text
    assert sitting.run(parts[2:], tmp_path, {}) == 0


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_benchmark_takes_the_flags(part, monkeypatch):
    """Its parser does: what comes after is not run."""
    import importlib
    from argparse import ArgumentParser

    _, _, module, *flags = part.arguments(VALUES)
    parse = ArgumentParser.parse_known_args  # Every class of parsers ends there.

    class Parsed(Exception):
        pass

    def only_parse(self, *arguments):
        _, unknown = parse(self, *arguments)
        assert unknown == []
        raise Parsed

    monkeypatch.setattr(ArgumentParser, "parse_known_args", only_parse)
    monkeypatch.setattr(sys, "argv", [module, *flags])
    if module in ("benchmarks.peers", "benchmarks.large_data"):
        module += ".__main__"
    with pytest.raises(Parsed):
        importlib.import_module(module).main()


def test_names_of_parts_are_files_of_their_own(monkeypatch, capsys):
    assert len({part.name for part in PARTS}) == len(PARTS)
    monkeypatch.setattr(sys, "argv", ["sitting", "--only=nothing"])
    with pytest.raises(SystemExit):
        sitting.main()
    assert "expected some of peers_small, " in capsys.readouterr().err
