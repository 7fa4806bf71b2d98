"""Contestants as processes, and the ratios of their runs."""

import os

import pytest

from benchmarks.peers.comparison import Comparison, ContestantProcess, Entry, compare
from benchmarks.sizes import SIZES
from benchmarks.suite import print_summary

LIMIT = Entry("limit", "limit")


@pytest.mark.slow
def test_contestants_are_asked_in_turn():
    cores = sorted(os.sched_getaffinity(0))
    entries = [LIMIT, Entry("limit bfloat16", "limit", {"dtype": "bfloat16"})]
    comparisons = compare(entries, "tiny", ["train", "sample"], 2, {}, cores)
    assert [c.task for c in comparisons] == ["train", "sample"]
    for comparison in comparisons:
        for seconds in (comparison.wall, comparison.cpu):
            assert [len(seconds[entry.label]) for entry in entries] == [2, 2]
        assert all(second > 0 for seconds in comparison.wall.values() for second in seconds)


def test_a_contestant_that_ends_is_an_error(tmp_path):
    cores = sorted(os.sched_getaffinity(0))
    ends = tmp_path / "ends"  # When it is asked.
    ends.write_text("#!/bin/sh\nread question\n")
    ends.chmod(0o755)
    process = ContestantProcess(Entry("x", "limit"), SIZES["tiny"], str(ends), cores)
    try:
        with pytest.raises(RuntimeError, match="x ended when it was asked for 'train'"):
            process.ask("train")
    finally:
        process.close()


def test_speed_is_the_median_of_run_by_run_ratios():
    comparison = Comparison("small", "train")
    comparison.wall = {"a": [1.0, 1.0, 2.0], "b": [2.0, 3.0, 8.0]}
    assert comparison.speed("a", "b") == (2.5, 3.0, 3.5)
    assert comparison.images_per_second("a") == 32.0


def test_the_summary_leaves_out_what_a_contestant_has_not(capsys):
    train, sample = Comparison("small", "train"), Comparison("small", "sample")
    train.wall, train.cpu = {"a": [1.0], "b": [2.0]}, {"a": [1.0], "b": [3.0]}
    sample.wall, sample.cpu = {"b": [2.0], "c": [1.0]}, {"b": [2.0], "c": [4.0]}
    print_summary([train, sample], "b", ["a", "c"])
    assert capsys.readouterr().out.splitlines()[1:] == [
        "| `small`, against b | train | sample |",
        "|---|---|---|",
        "| a | 2.00 / 3.00 |  |",
        "| c |  | 2.00 / 0.50 |",
    ]
