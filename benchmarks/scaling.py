"""Weak scaling: two replicas, and two workers, against one, with the same images a replica.

Each layout trains in processes of its own with one CPU core a replica, so that a second replica
brings a second core. `independent` is two processes that know nothing of each other: what it loses
against one process is the machine's doing (memory, caches, clock), and no strategy can win back.

- one: one process, one replica, one core.
- independent: two such processes at once.
- mirrored: one process, `cpu_mirrored`, two replicas on two logical CPUs.
- workers: two processes, `multi_worker_mirrored` over loopback.

The layouts run in turn. A step's time is the median of its steps, the efficiency is the time of
`one` over it. The all-reduce of all gradients is timed alone, in the same processes.

    python -m benchmarks.scaling --sizes=small,paper --rounds=3 --output=scaling.json
"""

import argparse
import functools
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.measuring import alternate, write_json
from benchmarks.peers.contestant import LEARNING_RATE
from benchmarks.sizes import SIZES, Size, choices
from tfglow.one_sentence_parser import OneSentenceParser

# Layout → (strategy, processes, replicas a process).
LAYOUTS = {
    "one": ("one_device", 1, 1),
    "independent": ("one_device", 2, 1),
    "mirrored": ("cpu_mirrored", 1, 2),
    "workers": ("multi_worker_mirrored", 2, 1),
}


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--sizes", type=choices(SIZES), default=["small"], help=", ".join(SIZES))
    parser.add_argument("--rounds", type=int, default=3, help="times that each layout runs")
    parser.add_argument("--train_steps", type=int, default=20, help="timed steps a round")
    parser.add_argument("--output", help="a JSON file to write")
    parser.add_argument("--process", choices=LAYOUTS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.process:
        print(json.dumps(measure(args.process, SIZES[args.sizes[0]], args.train_steps)))
        return
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        parser.error("two CPU cores are needed, this process may use one")
    report = []
    for size in args.sizes:
        seconds: dict[str, list[dict[str, float]]] = {layout: [] for layout in LAYOUTS}
        for _ in range(args.rounds):
            for layout in LAYOUTS:
                seconds[layout].append(run_layout(layout, size, args.train_steps, cores))
        report.append({"size": size, "batch_size_a_replica": SIZES[size].batch_size, **seconds})
        print_table(size, seconds)
    if args.output:
        write_json(args.output, report)


def run_layout(layout: str, size: str, train_steps: int, cores: list[int]) -> dict[str, float]:
    """The layout's step and all-reduce, in seconds: the slower process's, as each waits for it."""
    _, processes, replicas = LAYOUTS[layout]
    workers = [f"localhost:{_free_port()}" for _ in range(processes)]
    command = [sys.executable, "-m", "benchmarks.scaling", f"--process={layout}"]
    command += [f"--sizes={size}", f"--train_steps={train_steps}"]
    started = []
    for index in range(processes):
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        own = set(cores[index * replicas : (index + 1) * replicas])
        started.append(
            subprocess.Popen(
                command,
                cwd=Path(__file__).resolve().parents[1],
                env=os.environ | {"TF_CONFIG": json.dumps(task), "TF_CPP_MIN_LOG_LEVEL": "3"},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                preexec_fn=functools.partial(os.sched_setaffinity, 0, own),
            )
        )
    outputs = [process.communicate()[0] for process in started]
    for process, output in zip(started, outputs, strict=True):
        if process.returncode or not output:
            raise RuntimeError(f"A process of {layout!r} ended with {process.returncode}.")
    answers = [json.loads(output.splitlines()[-1]) for output in outputs]
    return {name: max(answer[name] for answer in answers) for name in ("step", "all_reduce")}


def measure(layout: str, size: Size, train_steps: int) -> dict[str, float]:
    """Trains in this process, with its cores, and returns the median seconds.

    Args:
      layout: The name of the layout in `LAYOUTS` that this process is part of.
      size: The model, and the images of a replica's step.
      train_steps: How many steps are timed.
    """
    import tensorflow as tf

    from benchmarks.images import random_batch
    from benchmarks.models import glow_config, start_training
    from train.config import TrainConfig
    from train.strategies import make_strategy

    strategy = make_strategy(LAYOUTS[layout][0])
    config = TrainConfig(
        model=glow_config(size),
        batch_size=size.batch_size * strategy.num_replicas_in_sync,
        learning_rate=LEARNING_RATE,
        average_decay=0.0,
    )
    local = random_batch(size.batch_size, size.image_shape)
    state, step = start_training(config, local, strategy)
    batch = {
        name: strategy.experimental_distribute_values_from_function(lambda _, value=value: value)
        for name, value in local.items()
    }

    @tf.function(autograph=False)
    def all_reduce():
        def on_replica():
            context = tf.distribute.get_replica_context()
            # Of the gradients' shapes; a result of them is read, so that nothing is left out.
            values = [tf.identity(v.value) for v in state.glow.trainable_variables]
            sums = context.all_reduce(tf.distribute.ReduceOp.SUM, values)
            return tf.add_n([tf.reshape(value, [-1])[0] for value in sums])

        return strategy.experimental_local_results(strategy.run(on_replica))[0]

    steps = alternate([lambda: step(batch)["loss"]], train_steps)[0]
    sums = alternate([all_reduce], train_steps)[0]
    return {"step": float(np.median(steps.wall)), "all_reduce": float(np.median(sums.wall))}


def print_table(size: str, seconds: dict[str, list[dict[str, float]]]) -> None:
    """Efficiencies, each of a round, and the all-reduce's share of a step."""
    print(f"\n| {size} | replicas | efficiency, median (all rounds) | all-reduce / step |")
    print("|---|---:|---|---:|")
    one = np.array([round_["step"] for round_ in seconds["one"]])
    for layout, (_, processes, replicas) in LAYOUTS.items():
        step = np.array([round_["step"] for round_ in seconds[layout]])
        efficiency = one / step
        rounds = ", ".join(f"{value:.2f}" for value in efficiency)
        shares = [round_["all_reduce"] / round_["step"] for round_ in seconds[layout]]
        share = f"{np.median(shares):.1%}" if layout in ("mirrored", "workers") else "–"
        print(
            f"| {layout} | {processes * replicas} | {np.median(efficiency):.2f} ({rounds}) "
            f"| {share} |",
            flush=True,
        )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


if __name__ == "__main__":
    main()
