"""From the start of the process to the end of the first training step: seconds and memory.

    python -m benchmarks.first_step                      # the training program's step, at `small`
    python -m benchmarks.first_step --fit                # `Glow.fit` with Keras's own Adam
    python -m benchmarks.first_step --size=paper --gradient_checkpointing

A line is a stage: its seconds by the clock, and those since the process started; the process's
memory after it, and the peak within it; how much of that the program holds, and how much is free,
but kept by the C library. Under the table: what weights, the optimizer's slots and gradients
amount to by their shapes. Linux and glibc only.

TensorFlow's oneDNN takes larger blocks from an allocator of its own, which the C library counts as
held whatever is free in it; with the environment's TF_ONEDNN_USE_SYSTEM_ALLOCATOR=1 it has none.
"""

import argparse
import contextlib
import ctypes
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.sizes import add_size_flags, size_from
from tfglow import tensorflow_log
from tfglow.one_sentence_parser import OneSentenceParser

COLUMNS = (
    *("stage", "s", "s since the start"),
    *("memory after it, MB", "peak in it, MB", "held, MB", "kept free, MB"),
)


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    add_size_flags(parser)
    parser.add_argument("--fit", action="store_true", help="train by Glow.fit and Keras's Adam")
    parser.add_argument("--precision", default="float32", choices=("float32", "mixed_bfloat16"))
    parser.add_argument("--gradient_checkpointing", action="store_true")
    parser.add_argument(
        "--average", action="store_true", help="keep a moving average, as the training program does"
    )
    parser.add_argument("--train_steps", type=int, default=3, help="steps to take")
    args = parser.parse_args()
    if args.train_steps < 1:
        parser.error(f"--train_steps must be at least 1, got {args.train_steps}")
    if args.fit and args.average:
        parser.error("Glow.fit keeps no moving average: --average is of the training program")
    print(f"| {' | '.join(COLUMNS)} |\n|---|" + "---:|" * (len(COLUMNS) - 1))
    glow, optimizer = (fit if args.fit else train)(args)
    with stage("free memory given back"), contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc's: what is left is held.
    weights, trained, slots = (
        sum(v.shape.num_elements() * v.value.dtype.size for v in variables) / 2**20
        for variables in (glow.weights, glow.trainable_variables, optimizer.variables)
    )
    print(
        f"\nBy their shapes, MB: weights {weights:,.1f}, slots {slots:,.1f}, "
        f"gradients {trained:,.1f}"
    )


def train(args: argparse.Namespace) -> tuple[Any, Any]:
    """The training program's stages; returns the model and the optimizer."""
    with stage("import"):
        tensorflow_log.start_tensorflow()
        import tensorflow as tf

        from benchmarks.images import random_batch
        from benchmarks.models import glow_config
        from train.config import TrainConfig
        from train.state import TrainState
        from train.step import TrainStep
        from train.strategies import make_strategy

    size = size_from(args)
    model = glow_config(
        size, precision=args.precision, gradient_checkpointing=args.gradient_checkpointing
    )
    config = TrainConfig(
        model=model,
        batch_size=size.batch_size,
        average_decay=None if args.average else 0.0,  # None: the training program's own.
    ).resolved()
    strategy = make_strategy("one_device")
    batch = random_batch(size.batch_size, size.image_shape)
    with stage("build model and optimizer"):
        state = TrainState(config, strategy)
    with stage("initialise"):
        state.initialize(batch)
    step = TrainStep(state, strategy, batch_size=size.batch_size)
    with stage("trace"):
        step.function.get_concrete_function(batch, tf.constant(False))
    for number in range(1, args.train_steps + 1):
        with stage(f"step {number}"):
            float(step(batch)["loss"])
    with stage("save a checkpoint"), tempfile.TemporaryDirectory() as folder:
        state.checkpoint().save(str(Path(folder, "ckpt")))
    return state.glow, state.optimizer


def fit(args: argparse.Namespace) -> tuple[Any, Any]:
    """The stages of `Glow.fit`; returns the model and the optimizer."""
    with stage("import"):
        import keras

        import tfglow
        from benchmarks.images import random_batch
        from benchmarks.models import glow_config

    size = size_from(args)
    config = glow_config(
        size, precision=args.precision, gradient_checkpointing=args.gradient_checkpointing
    )
    images = random_batch(size.batch_size, size.image_shape)["image"]
    with stage("build"):
        glow = tfglow.Glow(config)
        glow.compile(keras.optimizers.Adam(1e-4))
    with stage("initialise"):
        glow.initialize(images)
    for number in range(1, args.train_steps + 1):
        with stage(f"step {number}, by fit" + ", traced" * (number == 1)):
            glow.fit(images, batch_size=size.batch_size, verbose=0)
    with stage("save as .keras"), tempfile.TemporaryDirectory() as folder:
        glow.save(Path(folder, "glow.keras"))
    return glow, glow.optimizer


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Prints a line about what happens inside.

    Args:
      name: The stage's name in the table.
    """
    # Linux forgets the peak so far.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    yield
    seconds, since_start = time.perf_counter() - start, _seconds_since_start()
    memory = dict(re.findall(r"(Vm\w+):\s+(\d+) kB", Path("/proc/self/status").read_text()))
    megabytes = [int(memory[field]) / 1024 for field in ("VmRSS", "VmHWM")]
    cells = [f"{value:,.0f}" for value in (*megabytes, *_heap())]
    print(f"| {name} | {seconds:.2f} | {since_start:.1f} | {' | '.join(cells)} |", flush=True)


def _seconds_since_start():
    """Seconds since the system started this process."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def _heap():
    """MB that malloc has given out, and that it keeps for later."""
    fields = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    layout = [(field, ctypes.c_size_t) for field in fields.split()]
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = type("mallinfo2", (ctypes.Structure,), {"_fields_": layout})
    info = mallinfo2()
    return (info.uordblks + info.hblkhd) / 2**20, info.fordblks / 2**20


if __name__ == "__main__":
    main()
