"""Glow's speed, its first step, graph and memory, against the limit: its convolutions alone.

One command prints the tables and writes what was measured as JSON:

    python -m benchmarks.suite --sizes=small --output=suite.json
    python -m benchmarks.suite --sizes=small,paper --repeats=10

The limit runs the same convolutions, forward and backward, with nothing around them; the product
multiplies as often as they do, in one matrix product, which is as fast as multiplying can be.
Contestants are processes that are asked in turn, so that a ratio is of one run; quartiles say how
sure it is.
`--cores=1` gives every process one CPU, the same one: then CPU seconds compare what is computed,
whatever else the machine does. `python -m benchmarks.peers` compares other implementations.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from benchmarks.measuring import write_json
from benchmarks.peers.comparison import Comparison, ContestantProcess, Entry, compare
from benchmarks.peers.contestant import TASKS
from benchmarks.sizes import SIZES, choices
from tfglow.one_sentence_parser import OneSentenceParser

FLOAT32 = Entry("tfglow float32", "tfglow")
MIXED = Entry("tfglow mixed_bfloat16", "tfglow", {"precision": "mixed_bfloat16"})
# Likelihoods and samples as they are served.
SERVED_TASKS = ("log_prob", "sample")
SERVED = Entry("served float32", "exported", tasks=SERVED_TASKS)
SERVED_MIXED = Entry(
    "served mixed_bfloat16", "exported", {"precision": "mixed_bfloat16"}, SERVED_TASKS
)
FROZEN = Entry("frozen float32", "frozen", tasks=SERVED_TASKS)
FROZEN_IN_GRAPH = Entry(
    "frozen float32, in the graph", "frozen", {"constants_in_graph": True}, SERVED_TASKS
)
LIMIT = Entry("limit float32", "limit")
LIMIT_BFLOAT16 = Entry("limit bfloat16", "limit", {"dtype": "bfloat16"})
PRODUCT = Entry("product float32", "product")
PRODUCT_BFLOAT16 = Entry("product bfloat16", "product", {"dtype": "bfloat16"})
CHECKPOINTED = Entry("tfglow float32, checkpointing", "tfglow", {"gradient_checkpointing": True})
# Each against the last.
GROUPS = (
    (FLOAT32, FROZEN, SERVED, PRODUCT, LIMIT),
    (MIXED, SERVED_MIXED, PRODUCT_BFLOAT16, LIMIT_BFLOAT16),
    (MIXED, FLOAT32),
)


def main() -> None:
    parser = make_parser(__doc__)
    args = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[: args.cores]
    comparisons, facts = [], []
    for size in args.sizes:
        for entries in GROUPS:
            comparisons += compare(entries, size, args.tasks, args.repeats, {}, cores)
            print_speeds(comparisons[-len(args.tasks) :], entries[-1].label)
        for entry in (FLOAT32, MIXED, CHECKPOINTED):
            facts.append(training_facts(entry, size, cores))
        print_facts([fact for fact in facts if fact["size"] == size])
    if args.output:
        report = {"comparisons": [c.to_dict() for c in comparisons], "training": facts}
        write_json(args.output, {"cores": len(cores), **report})


def make_parser(description: str) -> argparse.ArgumentParser:
    """The flags of commands that compare contestants."""
    parser = OneSentenceParser(description=description)
    names = ", ".join(SIZES)
    parser.add_argument("--sizes", type=choices(SIZES), default=["small"], help=names)
    parser.add_argument("--tasks", type=choices(TASKS), default=list(TASKS))
    parser.add_argument("--repeats", type=int, default=10, help="timed runs of each")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--output", help="a JSON file to write")
    return parser


def training_facts(
    entry: Entry, size: str, cores: Sequence[int], python: str = sys.executable
) -> dict[str, object]:
    """A fresh process's first step, graph and peak memory of training."""
    process = ContestantProcess(entry, SIZES[size], python, cores)
    try:
        first = process.ask("train")
        process.ask("train")  # Memory that the first step freed may not be reused whole.
        memory = process.ask("memory")
        operations = process.ask("operations")
    finally:
        process.close()
    return {
        "size": size,
        "label": entry.label,
        "first_step_s": first["wall"],
        "first_step_cpu_s": first["cpu"],
        "graph_operations": operations,
        "peak_above_bare_mb": memory["peak"] - memory["bare"],
        "bare_mb": memory["bare"],
    }


def print_speeds(comparisons: Sequence[Comparison], reference: str) -> None:
    """How many times as fast as the reference each is."""
    print(f"\n| size, task | | times as fast as {reference} | by CPU seconds | images/s |")
    print("|---|---|---|---|---:|")
    for comparison in comparisons:
        for label in comparison.wall:
            if label != reference:
                ratios = [
                    "{1:.2f} ({0:.2f} to {2:.2f})".format(*comparison.speed(label, reference, by))
                    for by in ("wall", "cpu")
                ]
                rate = comparison.images_per_second(label)
                where = f"{comparison.size}, {comparison.task}"
                print(f"| {where} | {label} | {ratios[0]} | {ratios[1]} | {rate:.1f} |")
    sys.stdout.flush()


def print_summary(comparisons: Sequence[Comparison], reference: str, labels: Sequence[str]) -> None:
    """As docs/performance.md has it: how many times as fast, by the clock / by CPU seconds.

    Args:
      comparisons: Those of one size, a column each.
      reference: The label of what the others are held against.
      labels: The rows; a task that one has not leaves its cell empty.
    """
    print(f"\n| `{comparisons[0].size}`, against {reference}", end="")
    print("".join(f" | {c.task}" for c in comparisons) + " |\n|---|" + "---|" * len(comparisons))
    for label in labels:
        cells = []
        for comparison in comparisons:
            if {label, reference} <= set(comparison.wall):
                speeds = (comparison.speed(label, reference, by)[1] for by in ("wall", "cpu"))
                cells.append(" / ".join(f"{speed:.2f}" for speed in speeds))
            else:
                cells.append("")
        print(f"| {label} | {' | '.join(cells)} |")
    sys.stdout.flush()


def print_facts(facts: Sequence[dict[str, object]]) -> None:
    """First steps, graphs and memory."""
    print("\n| size | | first train step, s (CPU s) | graph operations | peak MB above bare |")
    print("|---|---|---:|---:|---:|")
    for fact in facts:
        first = f"{fact['first_step_s']:.1f} ({fact['first_step_cpu_s']:.1f})"
        operations = "–" if fact["graph_operations"] is None else f"{fact['graph_operations']:,}"
        peak = f"{fact['peak_above_bare_mb']:,.0f}"
        print(f"| {fact['size']} | {fact['label']} | {first} | {operations} | {peak} |")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
