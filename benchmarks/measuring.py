"""Timing on a shared machine: alternate what is compared, and report ratios."""

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Seconds(NamedTuple):
    """How long a function's runs took."""

    # By the clock, a value a run.
    wall: np.ndarray
    # Of all threads of this process; another that shares the machine changes them less.
    cpu: np.ndarray


def alternate(
    functions: Sequence[Callable[[], object]], repeats: int, warm_up: int = 2
) -> list[Seconds]:
    """Seconds of each function's runs, in turn A B A B …, so that drift hits all alike.

    Args:
      functions: What is compared. A function must not return before its work is done; if it
        returns a tensor, that is waited for.
      repeats: How often each is timed.
      warm_up: How often each runs before that.
    """
    times = np.zeros([len(functions), 2, repeats])
    for repeat in range(-warm_up, repeats):
        for index, function in enumerate(functions):
            start, cpu_start = time.perf_counter(), time.process_time()
            result = function()
            if hasattr(result, "numpy"):
                result.numpy()
            if repeat >= 0:
                wall, cpu = time.perf_counter() - start, time.process_time() - cpu_start
                times[index, :, repeat] = wall, cpu
    return [Seconds(*seconds) for seconds in times]


def ratio_line(name: str, numerator: np.ndarray, denominator: np.ndarray) -> str:
    """The median of the run-by-run ratios, with their quartiles."""
    low, median, high = np.percentile(numerator / denominator, [25, 50, 75])
    return f"{name}: {median:.3f} (quartiles {low:.3f} to {high:.3f}, {len(numerator)} runs)"


def write_json(path: str | os.PathLike, values: Any) -> None:
    """Writes a file whole or not at all; needs no tfglow, as `benchmarks.gpu.run`."""
    temporary = Path(f"{path}.part")
    temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
