"""The measurement of large images, at a size that takes seconds."""

import contextlib
import io
import json
import sys

import pytest

from benchmarks import large_images
from tests.source_imports import ROOT


@pytest.mark.slow
def test_prints_a_line_a_model_and_every_byte_comes_back(monkeypatch, capsys):
    size = ["--widths=4", "--image_size=16", "--levels=2", "--steps=1", "--train_steps=2"]
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["large_images", *size])
    measured = large_images._in_a_process

    def one_in_a_process(width, checkpointing):
        """The other by the same command in this one, which saves the seconds of a start."""
        if checkpointing == "true":
            return measured(width, checkpointing)
        with monkeypatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
            patch.setattr(sys, "argv", ["large_images", *size, f"--one={width},{checkpointing}"])
            large_images.main()
        return json.loads(printed.getvalue().splitlines()[-1])

    monkeypatch.setattr(large_images, "_in_a_process", one_in_a_process)
    large_images.main()
    _, _, *lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[:2] for row in rows] == [["4", "with"], ["4", "without"]]
    for row in rows:
        assert float(row[3]) > 0.1  # GiB of a Python process with TensorFlow in it
        assert row[-2:] == ["0 of 768", "0 of 768"]


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (["--widths=x"], "--widths must be positive integers such as 64,512; got 'x'"),
        (["--widths=8,0"], "--widths must be positive integers such as 64,512; got '8,0'"),
        (["--train_steps=0"], "--train_steps must be at least 1, got 0"),
        (
            ["--image_size=33", "--levels=2"],
            "--image_size must be a multiple of 2^levels = 4, got 33",
        ),
    ],
)
def test_refuses_in_one_sentence(flags, sentence, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["large_images", *flags])
    with pytest.raises(SystemExit):
        large_images.main()
    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1].endswith(sentence)
    assert not printed.out
