"""tfglow against other implementations of Glow, as many as are installed.

    pip install -e '.[bench]' -c constraints.txt
    python -m benchmarks.peers --sizes=small --output=peers.json

normflows, FrEIA and TensorFlow Probability's `tfb.Glow`: 32×32×3 images, affine couplings with a
3×3, a 1×1 and a 3×3 convolution, ActNorm, Adamax. Each is a process with its own library, all
wait while one computes, and a ratio is of one run. `--torch_python` names the interpreter of
another virtual environment that has PyTorch, normflows and FrEIA.
"""

import os
import sys

from benchmarks.measuring import write_json
from benchmarks.peers.comparison import KEEP_MEMORY, Entry, compare
from benchmarks.sizes import choices
from benchmarks.suite import (
    CHECKPOINTED,
    FLOAT32,
    FROZEN,
    FROZEN_IN_GRAPH,
    LIMIT,
    LIMIT_BFLOAT16,
    MIXED,
    PRODUCT,
    PRODUCT_BFLOAT16,
    SERVED,
    SERVED_MIXED,
    SERVED_TASKS,
    make_parser,
    print_facts,
    print_speeds,
    print_summary,
    training_facts,
)

XLA = Entry("tfglow float32, XLA", "tfglow", {"jit_compile": True})
# The server's `num_batch_threads`.
TWO_CALLS = {"calls": 2}
SERVED_TWO = Entry("served float32, two batches", "exported", TWO_CALLS, SERVED_TASKS)
SERVED_TWO_MIXED = Entry(
    "served mixed_bfloat16, two batches",
    "exported",
    {"precision": "mixed_bfloat16", **TWO_CALLS},
    SERVED_TASKS,
)
PEERS = {
    "normflows": Entry("normflows", "normflows"),
    "FrEIA": Entry("FrEIA", "FrEIA"),
    "tfb.Glow": Entry("tfb.Glow", "tfb.Glow"),
    "tfb.Glow-xla": Entry("tfb.Glow, XLA", "tfb.Glow", {"jit_compile": True}),
}
OURS = {
    "float32": FLOAT32,
    "mixed_bfloat16": MIXED,
    "xla": XLA,
    "frozen": FROZEN,
    "frozen_in_graph": FROZEN_IN_GRAPH,
    "served": SERVED,
    "served_mixed_bfloat16": SERVED_MIXED,
    "served_two": SERVED_TWO,
    "served_two_mixed_bfloat16": SERVED_TWO_MIXED,
    "limit": LIMIT,
    "limit_bfloat16": LIMIT_BFLOAT16,
    "product": PRODUCT,
    "product_bfloat16": PRODUCT_BFLOAT16,
}
_DEFAULT_OURS = "float32,mixed_bfloat16,served,served_mixed_bfloat16"


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--peers", type=choices(PEERS), default="normflows,FrEIA,tfb.Glow", help=", ".join(PEERS)
    )
    parser.add_argument(
        "--ours",
        type=choices(OURS),
        default=_DEFAULT_OURS,
        help=", ".join(OURS),
    )
    parser.add_argument("--torch_python", default=sys.executable)
    parser.add_argument("--memory", action="store_true", help="measure each one's memory instead")
    parser.add_argument(
        "--as_installed", action="store_true", help="leave glibc free to give memory back"
    )
    args = parser.parse_args()
    environment = {} if args.as_installed else KEEP_MEMORY
    cores = sorted(os.sched_getaffinity(0))[: args.cores]
    python = {"normflows": args.torch_python, "FrEIA": args.torch_python}
    peers = [PEERS[name] for name in args.peers]
    ours = [OURS[name] for name in args.ours]
    comparisons, facts = [], []
    for size in args.sizes:
        if args.memory:
            for entry in (*(e for e in ours if "train" in e.tasks), CHECKPOINTED, *peers):
                interpreter = python.get(entry.name, sys.executable)
                facts.append(training_facts(entry, size, cores, interpreter))
                print_facts(facts[-1:])
            continue
        comparisons += compare(
            [*ours, *peers], size, args.tasks, args.repeats, python, cores, environment
        )
        measured = comparisons[-len(args.tasks) :]
        for peer in peers:
            print_speeds(measured, peer.label)
        for peer in peers:
            print_summary(measured, peer.label, [entry.label for entry in ours])
        for limit in (entry for entry in (LIMIT, LIMIT_BFLOAT16) if entry in ours):
            precision = limit.label.removeprefix("limit ")
            rows = [e.label for e in ours if e != limit and precision in e.label]
            print_summary(measured, limit.label, rows)
    if args.output:
        report = {"comparisons": [c.to_dict() for c in comparisons], "training": facts}
        write_json(args.output, {"cores": len(cores), **report})


if __name__ == "__main__":
    main()
