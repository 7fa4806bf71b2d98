"""Starts contestants, asks them in turn, and reports ratios of one run."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.contestant import TASKS
from benchmarks.sizes import SIZES, Size

# glibc keeps what is freed. As it is, it may give large tensors back to the system and ask for them
# again at every operation, which took PyTorch's Glows up to 2.5 times as long, on some days.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}


@dataclasses.dataclass(frozen=True)
class Entry:
    """A contestant and the options that it runs with."""

    # Its name in tables.
    label: str
    # The name that `serve` knows it by.
    name: str
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    # What it can be asked for.
    tasks: tuple[str, ...] = TASKS


class ContestantProcess:
    """A contestant in a process of its own, which waits while others are asked.

    Args:
      entry: The contestant and its options.
      size: Its size.
      python: The interpreter that has its packages.
      cores: CPUs that it may use.
      environment: Environment variables that it has besides this process's own.

    Raises:
      RuntimeError: When it is asked, if the process has ended.
    """

    def __init__(
        self,
        entry: Entry,
        size: Size,
        python: str,
        cores: Sequence[int],
        environment: Mapping[str, str] | None = None,
    ):
        self._entry = entry
        fields = dataclasses.asdict(size)
        request = {"name": entry.name, "size": fields, "options": entry.options}
        process = subprocess.Popen(
            [python, "-m", "benchmarks.peers.serve", json.dumps(request)],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("A pipe of the contestant's process is missing.")
        self._process, self._questions, self._answers = process, process.stdin, process.stdout

    def ask(self, question: str) -> Any:
        """The answer to one line; see `serve`."""
        with contextlib.suppress(BrokenPipeError):
            self._questions.write(question + "\n")
            self._questions.flush()
        line = self._answers.readline()
        if not line:
            raise RuntimeError(f"{self._entry.label} ended when it was asked for {question!r}.")
        return json.loads(line)

    def close(self) -> None:
        """Ends the process, and waits until it has."""
        self._questions.close()
        self._answers.close()
        self._process.kill()
        self._process.wait()


@dataclasses.dataclass
class Comparison:
    """Seconds of the same task by several contestants, asked in turn, A B A B ….

    `first` is the first run of each, with all tracing and compiling; `wall` and `cpu` are those
    after it, by the clock and of all threads. CPU seconds are what a machine that others use too
    leaves comparable.
    """

    size: str
    task: str
    first: dict[str, float] = dataclasses.field(default_factory=dict)
    wall: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    cpu: dict[str, list[float]] = dataclasses.field(default_factory=dict)

    def run(self, processes: dict[str, ContestantProcess], repeats: int) -> "Comparison":
        """Asks each process by its label `repeats` times, after a first time and one more."""
        for label, process in processes.items():
            self.first[label] = process.ask(self.task)["wall"]
            self.wall[label], self.cpu[label] = [], []
        for repeat in range(-1, repeats):
            for label, process in processes.items():
                seconds = process.ask(self.task)
                if not np.isfinite(seconds.get("loss", 0.0)):
                    raise RuntimeError(f"{label}: the loss is {seconds['loss']}.")
                if repeat >= 0:
                    self.wall[label].append(seconds["wall"])
                    self.cpu[label].append(seconds["cpu"])
        return self

    def speed(self, label: str, other: str, clock: str = "wall") -> tuple[float, float, float]:
        """How many times as fast as `other`, run by run: lower quartile, median, upper."""
        seconds = getattr(self, clock)
        return tuple(np.percentile(np.divide(seconds[other], seconds[label]), [25, 50, 75]))

    def images_per_second(self, label: str) -> float:
        """The median by the clock; of a shared machine it says little."""
        return SIZES[self.size].batch_size / float(np.median(self.wall[label]))

    def to_dict(self) -> dict[str, Any]:
        """What was measured, as JSON-serialisable values."""
        return dataclasses.asdict(self)


def compare(
    entries: Sequence[Entry],
    size: str,
    tasks: Sequence[str],
    repeats: int,
    python: dict[str, str],
    cores: Sequence[int],
    environment: Mapping[str, str] = KEEP_MEMORY,
) -> list[Comparison]:
    """Runs every task, of those entries that have it, with all entries alive side by side.

    Args:
      entries: The contestants.
      size: The name of their size in `SIZES`.
      tasks: What to ask for, such as "train".
      repeats: How often each is timed.
      python: Interpreters by a contestant's name; others run with this one.
      cores: CPUs that the processes may use.
      environment: Environment variables that they have besides this process's own.
    """
    with contextlib.ExitStack() as stack:
        processes = {}
        for entry in entries:
            interpreter = python.get(entry.name, sys.executable)
            process = ContestantProcess(entry, SIZES[size], interpreter, cores, environment)
            stack.callback(process.close)
            processes[entry.label] = process
        return [
            Comparison(size, task).run(
                {e.label: processes[e.label] for e in entries if task in e.tasks}, repeats
            )
            for task in tasks
        ]
