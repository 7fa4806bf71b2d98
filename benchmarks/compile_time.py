"""What XLA takes to compile a training step, with a level's steps one by one and as a loop.

    python -m benchmarks.compile_time --width=16 --depths=8,32,64
    python -m benchmarks.compile_time --size=small --depths=8 --forms=loop --no_jit_compile

A line is a form (`unrolled`, or `loop`: `scan_steps`) and a depth, K flow steps a level. It has the
HLO instructions before XLA optimizes them, which say what the program grows with on any machine;
seconds by the clock and of all threads to trace the step, and to compile and take the first one,
with --another_batch_size that again for another one; and the median of the steps after that, on
this device. With --no_jit_compile it is TensorFlow's own graph, and there are no instructions.
"""

import argparse
import contextlib
import dataclasses
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.measuring import alternate
from benchmarks.sizes import Size, add_size_flags, choices, size_from
from tfglow.one_sentence_parser import OneSentenceParser
from train.config import TrainConfig

FORMS = {"unrolled": False, "loop": True}
COLUMNS = (
    *("form", "K", "instructions", "trace, s (CPU s)", "compile, s (CPU s)"),
    *("another batch size, s (CPU s)", "a step, ms (CPU ms)", "loss"),
)


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    add_size_flags(parser, default="paper")
    parser.add_argument("--depths", default="32", help="K of each line, separated by commas")
    parser.add_argument("--forms", type=choices(FORMS), default=list(FORMS), help=", ".join(FORMS))
    parser.add_argument("--precision", default="float32", choices=("float32", "mixed_bfloat16"))
    parser.add_argument("--no_jit_compile", action="store_true", help="TensorFlow's graph, no XLA")
    parser.add_argument(
        "--another_batch_size", action="store_true", help="take a step of one image more, too"
    )
    parser.add_argument("--repeats", type=int, default=5, help="timed steps of each")
    args = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n|---|" + "---:|" * (len(COLUMNS) - 1), flush=True)
    for depth in (int(text) for text in args.depths.split(",")):
        for form in args.forms:
            size = dataclasses.replace(size_from(args), steps=depth)
            cells = measure(size, FORMS[form], args)
            print(f"| {form} | {depth} | {' | '.join(cells)} |", flush=True)


def measure(size: Size, scan_steps: bool, args: argparse.Namespace) -> list[str]:
    """The cells of a line after the form and K.

    Args:
      size: The model, and the images of a step.
      scan_steps: The model's field of that name.
      args: The flags of the command.
    """
    import tensorflow as tf

    from benchmarks.images import random_batch
    from benchmarks.models import glow_config, start_training

    config = TrainConfig(
        model=glow_config(size, precision=args.precision, scan_steps=scan_steps),
        batch_size=size.batch_size,
    )
    batch = random_batch(size.batch_size, size.image_shape)
    _, step = start_training(config, batch, jit_compile=not args.no_jit_compile)
    stop = tf.constant(False)
    instructions = again = "–"
    with seconds() as tracing:
        step.function.get_concrete_function(batch, stop)
    if not args.no_jit_compile:
        text = step.function.experimental_get_compiler_ir(batch, stop)(stage="hlo")
        instructions = f"{instructions_of(text):,}"
    with seconds() as compiling:
        loss = float(step(batch)["loss"])
    if args.another_batch_size:
        with seconds() as compiling_again:
            step(random_batch(size.batch_size + 1, size.image_shape))["loss"].numpy()
        again = _cell(compiling_again)
    [steps] = alternate([lambda: step(batch)["loss"]], args.repeats)
    wall, cpu = (1e3 * np.median(values) for values in steps)
    return [
        *(instructions, _cell(tracing), _cell(compiling), again),
        *(f"{wall:.0f} ({cpu:.0f})", f"{loss:.5f}"),
    ]


def instructions_of(hlo: str) -> int:
    """How many instructions the text of an HLO module has, in all of its computations."""
    return sum(" = " in line for line in hlo.splitlines())


@contextlib.contextmanager
def seconds() -> Iterator[list[float]]:
    """Holds, when it is over, the seconds by the clock and of all threads of this process."""
    taken: list[float] = []
    wall, cpu = time.perf_counter(), time.process_time()
    yield taken
    taken += [time.perf_counter() - wall, time.process_time() - cpu]


def _cell(taken):
    wall, cpu = taken
    return f"{wall:.1f} ({cpu:.1f})"


if __name__ == "__main__":
    main()
