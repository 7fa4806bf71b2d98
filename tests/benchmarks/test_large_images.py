"""The measurement of large images, at a size that takes seconds."""

import subprocess
import sys

from tests.source_imports import ROOT


def test_prints_a_line_a_model_and_every_byte_comes_back():
    size = ["--widths=4", "--image_size=16", "--levels=2", "--steps=2"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.large_images", *size],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    _, _, *lines = done.stdout.splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[:2] for row in rows] == [["4", "with"], ["4", "without"]]
    for row in rows:
        assert float(row[3]) > 0.1  # GiB of a Python process with TensorFlow in it
        assert row[-2:] == ["0 of 768", "0 of 768"]
