"""What a training step of a paper-size Glow holds in memory, stage by stage.

Prints the process's memory after each stage and the peak within it; how much of it the program
holds, and how much is free, but kept by the C library; and what the weights, the optimizer's slots
and the gradients amount to by their shapes. Linux and glibc only.

    python -m benchmarks.training_memory --gradient_checkpointing

TensorFlow's oneDNN takes larger blocks from an allocator of its own, which the C library counts as
held whatever is free in it; with the environment's TF_ONEDNN_USE_SYSTEM_ALLOCATOR=1 it has none.
"""

import argparse
import contextlib
import ctypes
import re
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--levels", type=int, default=3, help="L")
    parser.add_argument("--steps", type=int, default=32, help="K, flow steps a level")
    parser.add_argument("--width", type=int, default=512, help="channels of the hidden layers")
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--gradient_checkpointing", action="store_true")
    parser.add_argument("--average", action="store_true", help="keep a moving average, as training")
    parser.add_argument("--train_steps", type=int, default=3)
    args = parser.parse_args()

    print("| stage | memory after it, MB | peak in it, MB | held, MB | kept free, MB | s |")
    print("|---|---:|---:|---:|---:|---:|")
    with _stage("imports"):
        import tensorflow as tf

        import tfglow
        from benchmarks.random_batch import random_batch
        from train.config import TrainConfig
        from train.state import TrainState
        from train.step import TrainStep
        from train.strategies import make_strategy

    model = tfglow.GlowConfig(
        image_shape=(32, 32, 3),
        levels=args.levels,
        steps=args.steps,
        width=args.width,
        gradient_checkpointing=args.gradient_checkpointing,
    )
    decay = {} if args.average else {"average_decay": 0.0}
    config = TrainConfig(model=model, batch_size=args.batch_size, **decay).resolved()
    strategy = make_strategy("one_device")
    batch = random_batch(args.batch_size, model.image_shape)
    with _stage("model and optimizer"):
        state = TrainState(config, strategy)
    with _stage("initialization"):
        state.initialize(batch)
    step = TrainStep(state, strategy, batch_size=args.batch_size)
    with _stage("tracing"):
        step.function.get_concrete_function(batch, tf.constant(False))
    for number in range(1, args.train_steps + 1):
        with _stage(f"step {number}"):
            float(step(batch)["loss"])

    with _stage("free memory given back"), contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc's: what is left is held.

    weights = _megabytes(v.value for v in state.glow.weights)
    trained = _megabytes(v.value for v in state.glow.trainable_variables)
    slots = _megabytes(v.value for v in state.optimizer.variables)
    print(
        f"\nBy their shapes, MB: weights {weights:.0f}, slots {slots:.0f}, gradients {trained:.0f}"
    )


@contextlib.contextmanager
def _stage(name):
    # Linux forgets the peak so far.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    yield
    memory = dict(re.findall(r"(Vm\w+):\s+(\d+) kB", Path("/proc/self/status").read_text()))
    now, peak = (int(memory[field]) / 1024 for field in ("VmRSS", "VmHWM"))
    seconds = time.perf_counter() - start
    held, free = _heap()
    print(
        f"| {name} | {now:,.0f} | {peak:,.0f} | {held:,.0f} | {free:,.0f} | {seconds:.1f} |",
        flush=True,
    )


def _heap():
    """MB that malloc has given out, and that it keeps for later."""
    fields = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    layout = [(field, ctypes.c_size_t) for field in fields.split()]
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = type("mallinfo2", (ctypes.Structure,), {"_fields_": layout})
    info = mallinfo2()
    return (info.uordblks + info.hblkhd) / 2**20, info.fordblks / 2**20


def _megabytes(variables):
    return sum(v.shape.num_elements() * v.dtype.size for v in variables) / 2**20


if __name__ == "__main__":
    main()
