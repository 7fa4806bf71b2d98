"""What training costs as a Glow, its images and its batch grow: time, memory, first step.

    python -m benchmarks.growth --output=growth.json
    python -m benchmarks.growth --curves=steps --torch_python=/other/bin/python

Three curves, each with the rest of a size as it is: `steps`, K of `paper`; `side` of the images,
and `batch`, of `small`. At each point tfglow, tfglow with checkpointing and FrEIA take training
steps in turn, in processes of their own, so that a ratio is of one run; memory is the peak above
the process after its imports. A cell has the three in this order. Along `side` there are 4 images
a step, so that all fits into a few GB.
"""

import contextlib
import dataclasses
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.measuring import write_json
from benchmarks.peers.comparison import KEEP_MEMORY, ContestantProcess, Entry
from benchmarks.sizes import SIZES, Size, choices
from tfglow.one_sentence_parser import OneSentenceParser

FREIA = Entry("FrEIA", "FrEIA")
ENTRIES = (
    Entry("tfglow", "tfglow"),
    Entry("tfglow, checkpointing", "tfglow", {"gradient_checkpointing": True}),
    FREIA,
)
_PAPER, _SMALL = SIZES["paper"], SIZES["small"]
# What a curve changes, and the sizes along it.
CURVES = {
    "steps": {k: dataclasses.replace(_PAPER, steps=k) for k in (16, 32, 64)},
    "side": {s: dataclasses.replace(_SMALL, side=s, batch_size=4) for s in (32, 64, 128, 256)},
    "batch": {b: dataclasses.replace(_SMALL, batch_size=b) for b in (1, 4, 16, 64)},
}
TITLES = {
    "steps": "K, `paper`",
    "side": "side of the images, `small`, 4 a step",
    "batch": "images a step, `small`",
}


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument(
        "--curves", type=choices(CURVES), default=list(CURVES), help=", ".join(CURVES)
    )
    parser.add_argument("--repeats", type=int, default=4, help="timed steps of each")
    parser.add_argument("--torch_python", default=sys.executable, help="the one that has FrEIA")
    parser.add_argument("--output", help="a JSON file to write")
    args = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    print("| | ms an image | times as fast as FrEIA (CPU) | first step, s | peak above bare, MB |")
    print("|---|---|---|---|---|")
    rows: list[dict[str, Any]] = []
    for curve in args.curves:
        for value, size in CURVES[curve].items():
            point = measure(ENTRIES, size, args.repeats, args.torch_python, cores)
            rows += [{"curve": curve, "value": value, **row} for row in point]
            print(line(f"{TITLES[curve]}: {value}", point), flush=True)
    if args.output:
        write_json(args.output, {"cores": len(cores), "rows": rows})


def measure(
    entries: Sequence[Entry], size: Size, repeats: int, torch_python: str, cores: Sequence[int]
) -> list[dict[str, Any]]:
    """Training steps of each contestant in turn, and what they hold.

    Args:
      entries: The contestants; the last is the one that the others are compared with.
      size: The model, and the images of a step.
      repeats: How often each is timed, after a first step and one more.
      torch_python: The interpreter of those on PyTorch.
      cores: CPUs that the processes may use.

    Returns:
      A row for each: seconds of every step, the first's, and the peak above bare in MB.
    """
    with contextlib.ExitStack() as stack:
        processes = {}
        for entry in entries:
            python = torch_python if entry == FREIA else sys.executable
            process = ContestantProcess(entry, size, python, cores, KEEP_MEMORY)
            stack.callback(process.close)
            processes[entry.label] = process
        first = {label: process.ask("train")["wall"] for label, process in processes.items()}
        steps: dict[str, list[dict[str, float]]] = {label: [] for label in processes}
        for repeat in range(-1, repeats):
            for label, process in processes.items():
                seconds = process.ask("train")
                if repeat >= 0:
                    steps[label].append(seconds)
        memory = {label: process.ask("memory") for label, process in processes.items()}
    reference = steps[entries[-1].label]
    rows = []
    for label, taken in steps.items():
        speed = {
            clock: float(
                np.median([r[clock] / s[clock] for r, s in zip(reference, taken, strict=True)])
            )
            for clock in ("wall", "cpu")
        }
        rows.append(
            {
                "label": label,
                "ms_an_image": 1000
                * float(np.median([s["wall"] for s in taken]))
                / size.batch_size,
                "speed": speed,
                "first_step_s": first[label],
                "peak_above_bare_mb": memory[label]["peak"] - memory[label]["bare"],
            }
        )
    return rows


def line(title: str, rows: Sequence[dict[str, Any]]) -> str:
    """A point's line of the table: in each cell the contestants, the reference last.

    Args:
      title: The first cell.
      rows: What `measure` returned.
    """
    cells = [
        [f"{row['ms_an_image']:.1f}" for row in rows],
        [f"{row['speed']['wall']:.2f} ({row['speed']['cpu']:.2f})" for row in rows[:-1]],
        [f"{row['first_step_s']:.1f}" for row in rows],
        [f"{row['peak_above_bare_mb']:,.0f}" for row in rows],
    ]
    return f"| {title} | {' | '.join(', '.join(cell) for cell in cells)} |"


if __name__ == "__main__":
    main()
