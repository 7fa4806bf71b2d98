"""Reads what `benchmarks.large_data.make` made, and says how fast and in what order it comes.

    python -m benchmarks.large_data --data=DIR

Of the folder and of the TFDS data set: the time until the first batch, and images a CPU second of
all threads, read anew and kept in memory; how long it takes to go on late in a run; and with
--order, which reads all images twice, how well an epoch is mixed. With `taskset --cpu-list=0` in
front it has one core.
"""

import argparse
import itertools
import os
import resource
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfglow.one_sentence_parser import OneSentenceParser

if TYPE_CHECKING:
    import tensorflow as tf

    from tfglow.datasets import ImageData

SOURCES = {"folder": ("photos", "folder", "train"), "tfds": ("tfds", "large_data", "train[:90%]")}


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="the folder that was made")
    parser.add_argument("--sources", default="folder,tfds", help="which of them to read")
    parser.add_argument("--side", type=int, default=32, help="height and width of the images")
    parser.add_argument("--batch_size", type=int, default=32, help="images of a batch")
    parser.add_argument("--images", type=int, default=3_000, help="images to time the reading of")
    parser.add_argument("--late_step", type=int, default=50_000, help="the step to go on from")
    parser.add_argument("--order", action="store_true", help="say how an epoch is mixed")
    args = parser.parse_args()

    from tfglow import datasets

    print(f"{len(os.sched_getaffinity(0))} cores, {args.side}x{args.side}x3 of JPEGs")
    for source in args.sources.split(","):
        place, name, split = SOURCES[source]
        for kept in (False, True):
            clock = Clock()
            data = datasets.load(
                name,
                split,
                args.data / place,
                (args.side, args.side, 3),
                "center_crop",
                cache_bytes=2**40 if kept else 0,
                bad_images="stop",
            )
            how = f"{source}, {'kept in memory' if kept else 'read anew'}"
            print(f"{how}: {data.num_images:,} images, opened in {clock}", flush=True)
            report(data, args)
            if args.order and not kept:
                print(f"  {order(data, args.batch_size)}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10  # From KiB.
    print(f"peak memory {peak:,.0f} MiB")


class Clock:
    """The time since it was made."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def cpu_seconds(self) -> float:
        """Of all threads of the process."""
        return time.process_time() - self.cpu

    def __str__(self) -> str:
        return f"{time.perf_counter() - self.wall:.1f} s ({self.cpu_seconds():.1f} CPU s)"


def report(data: "ImageData", args: argparse.Namespace) -> None:
    """Prints what there is to say of a split."""
    clock = Clock()
    batches = endless(data, args.batch_size)
    next(batches)
    print(f"  first batch after {clock}")
    clock = Clock()
    count = args.images // args.batch_size
    for _ in range(count):
        next(batches)
    batches.close()
    print(f"  {count * args.batch_size / clock.cpu_seconds():,.0f} images a CPU second")
    number, start = divmod(args.late_step, data.num_batches(args.batch_size))
    clock = Clock()
    next(iter(data.batches(args.batch_size, epoch=number, start_batch=start)))
    print(f"  step {args.late_step:,} after {clock}", flush=True)


def endless(data: "ImageData", batch_size: int) -> "Generator[dict[str, tf.Tensor]]":
    """Batches of one epoch after the other."""
    for epoch in itertools.count():
        yield from data.batches(batch_size, epoch=epoch, flip=True)


def order(data: "ImageData", batch_size: int) -> str:
    """How an epoch is mixed, in words; all images must differ."""
    place: dict[bytes, int] = {}
    for batch in data.batches(batch_size, shuffle=False, drop_remainder=False):
        first = len(place)
        place |= {image.tobytes(): first + i for i, image in enumerate(batch["image"].numpy())}
    stored, classes = [], []
    for batch in data.batches(batch_size, drop_remainder=False):
        stored += [place[image.tobytes()] for image in batch["image"].numpy()]
        classes.append(len(set(batch["label"].numpy().tolist())))
    way = np.abs(np.diff(np.argsort(stored)))  # In the epoch, between neighbours as stored.
    correlation = np.corrcoef(stored, np.arange(len(stored)))[0, 1]
    return (
        f"classes in a batch {np.mean(classes[:-1]):.1f} (least {min(classes[:-1])}); rank "
        f"correlation of stored order and epoch {correlation:.2f}; of stored neighbours "
        f"{100 * (way < batch_size).mean():.2f}% are less than a batch apart, the median "
        f"{np.median(way) / len(stored):.2f} of the epoch"
    )


if __name__ == "__main__":
    main()
