"""Timing on a shared machine: alternate what is compared, and report ratios."""

import time
from collections.abc import Callable, Sequence

import numpy as np


def alternate(
    functions: Sequence[Callable[[], object]], repeats: int, warm_up: int = 2
) -> list[np.ndarray]:
    """Seconds of each function's runs, in turn A B A B …, so that drift hits all alike.

    A function must not return before its work is done; tensors are waited for.
    """
    times = [[] for _ in functions]
    for repeat in range(-warm_up, repeats):
        for function, seconds in zip(functions, times, strict=True):
            start = time.perf_counter()
            result = function()
            if hasattr(result, "numpy"):
                result.numpy()
            if repeat >= 0:
                seconds.append(time.perf_counter() - start)
    return [np.array(seconds) for seconds in times]


def ratio_line(name: str, numerator: np.ndarray, denominator: np.ndarray) -> str:
    """The median of the run-by-run ratios, with their quartiles."""
    low, median, high = np.percentile(numerator / denominator, [25, 50, 75])
    return f"{name}: {median:.3f} (quartiles {low:.3f} to {high:.3f}, {len(numerator)} runs)"
