"""A training step with images from the input pipeline against the same step on a constant batch.

The two take steps in turn, with the same weights and graph. What the pipeline costs a step is the
difference; it reads, shuffles, mirrors and dequantises while the step before it computes.

    python -m benchmarks.input_pipeline --dataset=cifar10 --data_dir=DIR
"""

import argparse
import time

import numpy as np
import tensorflow as tf

import tfglow
from benchmarks.timing import ratio_line
from train.config import TrainConfig
from train.data import TrainingBatches, load_split
from train.state import TrainState
from train.step import TrainStep
from train.strategies import make_strategy


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--data_dir")
    parser.add_argument("--steps", type=int, default=8, help="K, flow steps a level")
    parser.add_argument("--width", type=int, default=128, help="channels of the hidden layers")
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=50, help="timed steps of each")
    args = parser.parse_args()

    shape = (8, 8, 1) if args.dataset == "digits" else (32, 32, 3)
    levels = 2 if args.dataset == "digits" else 3
    model = tfglow.GlowConfig(image_shape=shape, levels=levels, steps=args.steps, width=args.width)
    config = TrainConfig(
        model=model,
        dataset=args.dataset,
        data_dir=args.data_dir,
        batch_size=args.batch_size,
        flip=True,
    ).resolved()
    strategy = make_strategy("one_device")
    state = TrainState(config, strategy)
    step = TrainStep(state, strategy, batch_size=args.batch_size)
    batches = TrainingBatches(config, load_split(config, "train"), strategy).starting_at(0)
    constant = next(batches)
    state.initialize(constant)

    def with_pipeline():
        return step(next(batches))["loss"].numpy()

    def on_constant():
        return step(constant)["loss"].numpy()

    wall, cpu = in_turn((with_pipeline, on_constant), args.repeats)
    batches.close()
    print(ratio_line("seconds of a step, with the pipeline / on a constant batch", *wall))
    print(ratio_line("CPU seconds of all threads, the same", *cpu))


def in_turn(functions, repeats: int, warm_up: int = 3) -> tuple[list[np.ndarray], ...]:
    """Seconds by the clock and of all threads, of each function's runs, A B A B …."""
    wall, cpu = [[] for _ in functions], [[] for _ in functions]
    for repeat in range(-warm_up, repeats):
        for index, function in enumerate(functions):
            start, cpu_start = time.perf_counter(), time.process_time()
            function()
            if repeat >= 0:
                wall[index].append(time.perf_counter() - start)
                cpu[index].append(time.process_time() - cpu_start)
    return [np.array(s) for s in wall], [np.array(s) for s in cpu]


if __name__ == "__main__":
    tf.get_logger().setLevel("ERROR")
    main()
