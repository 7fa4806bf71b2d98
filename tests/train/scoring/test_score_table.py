import csv

import numpy as np
import pytest

from tests.full_disk import full_disk
from tfglow.writing import UnwritableFile
from train.scoring.image_set import Batch
from train.scoring.score_table import ScoreTable


def batch(*names):
    images = np.zeros([len(names), 2, 2, 1], np.uint8)
    return Batch(list(names), ["a, b"] * len(names), images, [(2, 2)] * len(names))


def test_rows_come_back_whatever_a_path_holds(tmp_path):
    names = ['a/"1".png', "a,\n1.png", "a/\udce9.png", "ü.png"]
    values = np.array([1 / 3, np.nan, np.inf, -1e-9])
    with ScoreTable(tmp_path / "scores.csv") as rows:
        rows.write("data", batch(*names[:3]), {"bits": values[:3]})
        rows.write("anomalies", batch(names[3]), {"bits": values[3:]})
    with open(tmp_path / "scores.csv", newline="", encoding="utf-8", errors="surrogateescape") as f:
        header, *found = csv.reader(f)
    assert header == ["set", "image", "label", "bits"]
    assert [row[:3] for row in found] == [
        *(["data", name, "a, b"] for name in names[:3]),
        ["anomalies", "ü.png", "a, b"],
    ]
    np.testing.assert_allclose([float(row[3]) for row in found], values, rtol=1e-7)


def test_a_full_disk_is_one_sentence(tmp_path):
    with (
        full_disk(1000),
        pytest.raises(UnwritableFile, match=r"Cannot write .*scores.csv': File too large"),
        ScoreTable(tmp_path / "scores.csv") as rows,
    ):
        for _ in range(1000):
            rows.write("data", batch("a.png"), {"bits": np.zeros(1)})
