"""A training step with images from the input pipeline against the same step on a constant batch.

The two take steps in turn, with the same weights and graph. What the pipeline costs a step is the
difference; it reads, shuffles, mirrors and dequantises while the step before it computes. How long
a step waits for its batch is said too.

    python -m benchmarks.input_pipeline --dataset=cifar10 --data_dir=DIR
"""

import dataclasses
import time

import numpy as np

from benchmarks.measuring import alternate, ratio_line
from benchmarks.sizes import add_size_flags, size_from
from tfglow.one_sentence_parser import OneSentenceParser
from train.config import TrainConfig


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--dataset", default="digits", help="digits, or one of 32×32×3 images")
    parser.add_argument("--data_dir", help="the data set's folder")
    add_size_flags(parser)
    parser.add_argument("--repeats", type=int, default=50, help="timed steps of each")
    args = parser.parse_args()

    from benchmarks.models import glow_config, start_training
    from train.data import TrainingBatches, load_split
    from train.strategies import make_strategy

    size = size_from(args)
    model = glow_config(size)
    if args.dataset == "digits":
        levels = min(size.levels, 2)
        model = dataclasses.replace(model, image_shape=(8, 8, 1), levels=levels)
    config = TrainConfig(
        model=model,
        dataset=args.dataset,
        data_dir=args.data_dir,
        batch_size=size.batch_size,
        flip=True,
    ).resolved()
    strategy = make_strategy("one_device")
    batches = TrainingBatches(config, load_split(config, "train"), strategy).starting_at(0)
    constant = next(batches)
    _, step = start_training(config, constant, strategy)

    waits = []

    def with_pipeline():
        start = time.perf_counter()
        batch = next(batches)
        waits.append(1e3 * (time.perf_counter() - start))
        return step(batch)["loss"]

    def on_constant():
        return step(constant)["loss"]

    pipeline, constant_batch = alternate([with_pipeline, on_constant], args.repeats, warm_up=3)
    batches.close()
    name = "seconds of a step, with the pipeline / on a constant batch"
    print(ratio_line(name, pipeline.wall, constant_batch.wall))
    low, median, high = np.percentile(waits[-args.repeats :], [25, 50, 75])
    print(
        f"ms that a step waits for its batch: {median:.1f} (quartiles {low:.1f} to {high:.1f}), "
        f"of {1e3 * np.median(pipeline.wall):.0f} ms"
    )
    print(ratio_line("CPU seconds of all threads, the same", pipeline.cpu, constant_batch.cpu))


if __name__ == "__main__":
    main()
