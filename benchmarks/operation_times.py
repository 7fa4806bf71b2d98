"""Where the time of a task goes, operation by operation, as TensorFlow's profiler has it.

    python -m benchmarks.operation_times --size=paper --task=train
    python -m benchmarks.operation_times --size=small --task=sample --contestant=exported
    python -m benchmarks.operation_times --contestant=limit --options='{"dtype": "bfloat16"}'

Milliseconds are summed over all operations of a kind, on all cores, and per run; those that run
side by side count twice. Under the table: seconds by the clock, and how many cores were busy.
"""

import argparse
import collections
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.peers.contestant import TASKS
from benchmarks.peers.serve import find_class
from benchmarks.sizes import SIZES
from tfglow.one_sentence_parser import OneSentenceParser

# What an operation's name begins with → the row of docs/performance.md; the first that fits.
GROUPS = {
    "products and convolutions": ("Conv2D", "FusedConv2D", "MatMul", "FusedMatMul", "BatchMatMul"),
    "patches": ("Gather", "ExtractImagePatches", "MirrorPad", "Pad"),
    "ReLU's gradient": ("ReluGrad",),
    "splitting and joining channels": ("Split", "Concat", "Slice", "StridedSlice", "Pack"),
    "Adamax, check that gradients are finite": ("ResourceApply", "IsFinite", "All"),
    "noise, each row by its own seed": ("Stateless", "Random"),
    "scales, log-dets, affine maps": (
        *("Mul", "Add", "Sub", "Exp", "Log", "Sigmoid", "Sum", "Neg", "Real", "Square", "Bias"),
        *("Relu", "Softplus", "Cast", "Tanh", "AddN"),
    ),
}

_TENSORFLOW = ("tfglow", "frozen", "exported", "limit", "product", "tfb.Glow")


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--contestant", choices=_TENSORFLOW, default="tfglow")
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--task", choices=TASKS, default="train")
    parser.add_argument("--options", type=_options, default={}, help="the contestant's, JSON")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=25, help="kinds of operations to print")
    parser.add_argument(
        "--groups", action="store_true", help="print groups of kinds too, in one row"
    )
    args = parser.parse_args()
    if args.contestant in ("exported", "frozen") and args.task == "train":
        parser.error(f"{args.contestant} does not train: --task=log_prob or --task=sample")
    contestant = find_class(args.contestant)(SIZES[args.size], **args.options)
    run = getattr(contestant, args.task)()
    milliseconds, calls, wall, cpu = operation_times(run, args.runs)
    total = sum(milliseconds.values())
    print("| operation | calls | ms | share |\n|---|---:|---:|---:|")
    longest = sorted(milliseconds.items(), key=lambda item: -item[1])
    for kind, spent in longest[: args.rows]:
        print(f"| {kind} | {calls[kind]:,.0f} | {spent:.2f} | {spent / total:.1%} |")
    print(f"| all | {sum(calls.values()):,.0f} | {total:.2f} | |")
    if args.groups:
        what = (f"`{args.size}`", args.task, args.options.get("precision", "float32"))
        print(f"\n{_groups_row(', '.join(map(str, what)), milliseconds, wall, cpu)}")
    print(f"\n{1e3 * wall:.1f} ms a run by the clock, on {cpu / wall:.2f} cores")


def grouped(milliseconds: dict[str, float]) -> dict[str, float]:
    """Those of each of `GROUPS`, and of all other kinds together."""
    sums = dict.fromkeys([*GROUPS, "other"], 0.0)
    for kind, spent in milliseconds.items():
        fits = [name for name, beginnings in GROUPS.items() if kind.startswith(beginnings)]
        sums[fits[0] if fits else "other"] += spent
    return sums


def _groups_row(name, milliseconds, wall, cpu):
    """A row of docs/performance.md, under its header."""
    sums = grouped(milliseconds)
    share = sums["products and convolutions"] / sum(milliseconds.values())
    columns = ["ms of a run", *sums, "share of products", "by the clock", "cores busy"]
    cells = [f"{spent:,.1f}" for spent in sums.values()]
    cells += [f"{share:.0%}", f"{1e3 * wall:,.0f}", f"{cpu / wall:.2f}"]
    header = f"| {' | '.join(columns)} |\n|---|{'---:|' * len(cells)}"
    return f"{header}\n| {name} | {' | '.join(cells)} |"


def operation_times(
    run: Callable[[], object], runs: int
) -> tuple[dict[str, float], dict[str, float], float, float]:
    """Milliseconds and calls of each kind of operation, seconds by the clock and of CPU, per run.

    Args:
      run: What to measure; called three times before.
      runs: How often to call it then.
    """
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    for _ in range(3):  # To trace, and to have the memory.
        run()
    kinds = set(tf.raw_ops.__dict__)
    milliseconds: dict[str, float] = collections.defaultdict(float)
    calls: dict[str, float] = collections.defaultdict(float)
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(runs):
                run()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        (file,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(file.read_bytes())
    for plane in space.planes:
        names = {key: metadata.name for key, metadata in plane.event_metadata.items()}
        for event in (event for line in plane.lines for event in line.events):
            # An operation's event is named NAME:KIND; the runtime's own have no kind.
            _, colon, kind = names[event.metadata_id].rpartition(":")
            # What the graph optimizer put in its place: oneDNN's version, several in one.
            kind = kind.removeprefix("_").removeprefix("MklNative").removeprefix("Mkl")
            if colon and kind.removeprefix("Fused").removesuffix("WithBias") in kinds:
                milliseconds[kind] += event.duration_ps / 1e9 / runs
                calls[kind] += 1 / runs
    return dict(milliseconds), dict(calls), wall / runs, cpu / runs


def _options(text: str) -> dict[str, object]:
    try:
        options = json.loads(text)
    except json.JSONDecodeError:
        options = None
    if not isinstance(options, dict):
        raise argparse.ArgumentTypeError(f"expected a JSON object such as {{}}; got {text!r}")
    return options


if __name__ == "__main__":
    main()
