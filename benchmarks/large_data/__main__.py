"""Reads what `benchmarks.large_data.make` made, and says how fast and in what order it comes.

    python -m benchmarks.large_data --data=DIR
    python -m benchmarks.large_data --data=DIR --start

Of the folder and of the TFDS data set: the time until the first batch, and images a CPU second of
all threads, read anew and kept in memory, where a whole epoch is read before; how long it takes to
go on late in a run; and with --order, which reads all images twice, how well an epoch is mixed.
With `taskset --cpu-list 0` in front it has one core. With --start, what a process has taken until
its first batch, of each source two processes one after the other: with an empty XDG_CACHE_HOME the
first of them knows nothing of the folder's files.
"""

import argparse
import itertools
import os
import resource
import subprocess
import sys
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
    parser.add_argument("--start", action="store_true", help="say what a start takes instead")
    args = parser.parse_args()
    if args.start:
        for source in args.sources.split(","):
            for which in ("a start", "the next"):
                print(f"{source}, {which}: {started(source, args)}", flush=True)
        return

    print(f"{len(os.sched_getaffinity(0))} cores, {args.side}x{args.side}x3 of JPEGs")
    for source in args.sources.split(","):
        for kept in (False, True):
            clock = Clock()
            data = load(args.data, source, args.side, kept)
            how = f"{source}, {'kept in memory' if kept else 'read anew'}"
            print(f"{how}: {data.num_images:,} images, opened in {clock}", flush=True)
            report(data, args, kept)
            if args.order and not kept:
                print(f"  {order(data, args.batch_size)}", flush=True)
    print(f"peak memory {peak_mib():,.0f} MiB")


def load(data: Path, source: str, side: int, kept: bool) -> "ImageData":
    """A source, read anew or kept in memory."""
    from tfglow import datasets

    place, name, split = SOURCES[source]
    shape = (side, side, 3)
    cache_bytes = 2**40 if kept else 0
    return datasets.load(
        name, split, data / place, shape, "center_crop", cache_bytes=cache_bytes, bad_images="stop"
    )


def peak_mib() -> float:
    """The most memory that the process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10  # From KiB.


_START = """
from pathlib import Path
from time import process_time
from benchmarks.large_data.__main__ import load, peak_mib
data = load(Path({data!r}), {source!r}, {side}, True)
next(iter(data.batches({batch_size}, flip=True)))
print(f"{{process_time():.1f}} CPU s, peak memory {{peak_mib():,.0f}} MiB")
"""


def started(source: str, args: argparse.Namespace) -> str:
    """What a fresh process takes until its first batch, in words."""
    program = _START.format(
        data=str(args.data), source=source, side=args.side, batch_size=args.batch_size
    )
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class Clock:
    """The time since it was made."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def cpu_seconds(self) -> float:
        """Of all threads of the process."""
        return time.process_time() - self.cpu

    def __str__(self) -> str:
        return f"{time.perf_counter() - self.wall:.1f} s ({self.cpu_seconds():.1f} CPU s)"


def report(data: "ImageData", args: argparse.Namespace, kept: bool) -> None:
    """Prints what there is to say of a split."""
    clock = Clock()
    batches = endless(data, args.batch_size)
    next(batches)
    print(f"  first batch after {clock}")
    if kept:  # A folder's images are kept as they are first needed.
        num_batches = data.num_batches(args.batch_size)
        print(f"  in the first epoch {speed(batches, num_batches, args.batch_size)}", flush=True)
    print(f"  {speed(batches, args.images // args.batch_size, args.batch_size)}")
    batches.close()
    number, start = divmod(args.late_step, data.num_batches(args.batch_size))
    clock = Clock()
    next(iter(data.batches(args.batch_size, epoch=number, start_batch=start)))
    print(f"  step {args.late_step:,} after {clock}", flush=True)


def speed(batches: "Generator[dict[str, tf.Tensor]]", num_batches: int, batch_size: int) -> str:
    """How fast the next batches come, in words."""
    clock = Clock()
    for _ in range(num_batches):
        next(batches)
    return f"{num_batches * batch_size / clock.cpu_seconds():,.0f} images a CPU second"


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
