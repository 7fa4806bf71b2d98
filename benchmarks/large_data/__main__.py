"""Reads what `benchmarks.large_data.make` made, and says how fast and in what order it comes.

    python -m benchmarks.large_data --data=DIR

Of the folder and of the TFDS data set: the time until the first batch, images a second and CPU
seconds of all threads, read anew and kept in memory; how well an epoch is mixed; and how long it
takes to go on late in a run, with the same batch as one that was not interrupted. With
`taskset --cpu-list=0` in front it has one core.
"""

import argparse
import itertools
import os
import resource
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfglow import datasets
from tfglow.datasets import ImageData

SOURCES = {"folder": ("photos", "folder", "train"), "tfds": ("tfds", "large_data", "train[:90%]")}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, type=Path, help="the folder that was made")
    parser.add_argument("--sources", default="folder,tfds", help="which of them to read")
    parser.add_argument("--side", type=int, default=32, help="height and width of the images")
    parser.add_argument("--batch_size", type=int, default=32, help="images of a batch")
    parser.add_argument("--images", type=int, default=3_000, help="images to time the reading of")
    parser.add_argument("--late_step", type=int, default=50_000, help="the step to go on from")
    args = parser.parse_args()
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


def report(data: ImageData, args: argparse.Namespace) -> None:
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
    labels = [b["label"] for b in itertools.islice(labels_of(data, args.batch_size), 500)]
    print(f"  {mixing(np.stack(labels), len(data.class_names))}")
    number, start = divmod(args.late_step, data.num_batches(args.batch_size))
    clock = Clock()
    late = next(iter(data.batches(args.batch_size, epoch=number, start_batch=start)))
    print(f"  step {args.late_step:,} after {clock}", flush=True)
    del late


def endless(data: ImageData, batch_size: int) -> Generator[dict[str, tf.Tensor]]:
    """Batches of one epoch after the other."""
    for epoch in itertools.count():
        yield from data.batches(batch_size, epoch=epoch, flip=True)


def labels_of(data: ImageData, batch_size: int) -> Iterator[dict[str, np.ndarray]]:
    """The labels of an epoch's batches."""
    return (batch for batch in data.batches(batch_size).as_numpy_iterator())


def mixing(labels: np.ndarray, num_classes: int) -> str:
    """How far the classes of batches [N, B] are from those of batches drawn at random."""
    counts = np.stack([(labels == label).sum(1) for label in range(num_classes)])
    share = counts.sum(1, keepdims=True) / labels.size
    expected = labels.shape[1] * share
    chi = ((counts - expected) ** 2 / np.maximum(expected, 1e-9)).sum(0).mean()
    return f"classes of a batch: mean chi-squared {chi:.1f}, at random {num_classes - 1}"


if __name__ == "__main__":
    main()
