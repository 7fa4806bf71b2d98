"""Layouts of replicas and workers, at a size that takes seconds."""

import contextlib
import os
import subprocess

import pytest

from benchmarks import scaling
from benchmarks.sizes import SIZES
from tests.conftest import REPO
from tests.forked import Forked


class ForkedWorker(Forked):
    """A layout's process that need not start from nothing, on any core."""

    def __init__(self, command, *, cwd, env, **_):
        _, _, _, *flags = command  # python -m benchmarks.scaling
        super().__init__(REPO / "benchmarks" / "scaling.py", *flags, cwd=cwd, environment=env)

    def communicate(self):
        return super().communicate(timeout=300)


def check(seconds):
    assert set(seconds) == {"step", "all_reduce"}
    assert all(value > 0 for value in seconds.values())


@pytest.mark.slow
def test_workers_are_processes_that_train_and_reduce(monkeypatch):
    """One of them started as the benchmark starts it, which takes the seconds of an import."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        pytest.skip("Two CPU cores are needed.")
    kinds = iter([subprocess.Popen, ForkedWorker])
    with contextlib.ExitStack() as processes:
        monkeypatch.setattr(
            subprocess,
            "Popen",
            lambda *args, **kwargs: processes.enter_context(next(kinds)(*args, **kwargs)),
        )
        check(scaling.run_layout("workers", "tiny", 2, cores))
    assert next(kinds, None) is None


@pytest.mark.slow
def test_two_replicas_of_a_process_train_and_reduce():
    check(scaling.measure("mirrored", SIZES["tiny"], 2))


def test_the_table_holds_a_layout_against_one(capsys):
    one, other = {"step": 1.0, "all_reduce": 0.0}, {"step": 1.25, "all_reduce": 0.05}
    seconds = {"one": [one], "independent": [one], "mirrored": [other], "workers": [one]}
    scaling.print_table("tiny", seconds)
    printed = capsys.readouterr().out
    assert "| mirrored | 2 | 0.80 (0.80) | 4.0% |" in printed
    assert "| independent | 2 | 1.00 (1.00) | – |" in printed
