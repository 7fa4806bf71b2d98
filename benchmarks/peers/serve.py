"""A contestant's process: it does what it is asked, once a line, and answers in JSON.

    python -m benchmarks.peers.serve '{"name": "limit", "options": {},
        "size": {"levels": 3, "steps": 8, "width": 128, "batch_size": 32}}'

Asked for a task, it does it once and answers its seconds; `memory` and `operations` are answered
too. It ends with its input. Linux only: it reads /proc.
"""

import importlib
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.peers.contestant import TASKS, Contestant
from benchmarks.sizes import Size

# name → module and class. Only the one that is asked for is imported.
CONTESTANTS = {
    "tfglow": ("tfglow_glow", "TfglowGlow"),
    "frozen": ("frozen_glow", "FrozenGlow"),
    "exported": ("exported_glow", "ExportedGlow"),
    "limit": ("limits", "Convolutions"),
    "product": ("limits", "MatrixProduct"),
    "tfb.Glow": ("tfb_glow", "TfbGlow"),
    "normflows": ("normflows_glow", "NormflowsGlow"),
    "FrEIA": ("freia_glow", "FreiaGlow"),
}


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Only answers go where the answers go, whatever the libraries print.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    request = json.loads(sys.argv[1])
    contestant_class = find_class(request["name"])
    bare = _memory()["now"]
    start = time.perf_counter()
    contestant = contestant_class(Size(**request["size"]), **request["options"])
    built = time.perf_counter() - start
    functions: dict[str, Callable[[], object]] = {}
    for line in sys.stdin:
        asked = line.strip()
        if asked == "memory":
            # Of this process, MB: after the imports, at most, now; and the building's seconds.
            answer: Any = {"bare": bare, **_memory(), "built": built}
        elif asked == "operations":
            answer = contestant.graph_operations()
        else:
            answer = _timed(contestant, functions, asked)
        print(json.dumps(answer), file=answers, flush=True)


def find_class(name: str) -> Callable[..., Contestant]:
    """The class of a contestant by its name; imports what that one needs."""
    module, class_name = CONTESTANTS[name]
    return getattr(importlib.import_module(f"benchmarks.peers.{module}"), class_name)


def _timed(contestant, functions, task):
    """Seconds of doing the task once, by the clock and of all this process's threads together."""
    if task not in TASKS:
        raise ValueError(f"Expected one of {', '.join(TASKS)}, got {task!r}.")
    start, cpu_start = time.perf_counter(), time.process_time()
    if task not in functions:
        functions[task] = getattr(contestant, task)()
    result = functions[task]()
    seconds = {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu_start}
    return {**seconds, "loss": result} if task == "train" else seconds


def _memory():
    status = Path("/proc/self/status").read_text()
    kilobytes = {name: int(value) for name, value in re.findall(r"(Vm\w+):\s+(\d+) kB", status)}
    return {"peak": kilobytes["VmHWM"] / 1024, "now": kilobytes["VmRSS"] / 1024}


if __name__ == "__main__":
    main()
