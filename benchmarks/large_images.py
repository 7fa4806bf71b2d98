"""The paper's faces in this machine's memory: 256×256, 5 bits, additive, L = 6, K = 32.

Each line is a process of its own, so that its peak memory is its own. It initialises the model of
the preset `celeba_hq256` at some width, takes training steps at batch 1, and prints its peak; then
it encodes and decodes images with the weights that it has by then, and compares bytes:

    python -m benchmarks.large_images --widths=64,512

The images are noise, smoothed to look like something at every scale.
"""

import argparse
import dataclasses
import json
import os
import resource
import subprocess
import sys
import time

from tfglow.one_sentence_parser import OneSentenceParser

COLUMNS = {
    "width": "width",
    "checkpointing": "gradient checkpointing",
    "parameters": "parameters",
    "peak_gib": "peak memory, GiB",
    "first_step_s": "first step, s",
    "step_s": "a step after, s",
    "loss": "bits/dim at each",
    "round_trip": "bytes that differ after decode(encode(x))",
    "sample_round_trip": "and of a sample",
}


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--widths", default="64,512", help="of the hidden layers; default: 64,512")
    parser.add_argument("--image_size", type=int, default=256, help="height and width, pixels")
    parser.add_argument("--levels", type=int, default=6, help="L")
    parser.add_argument("--steps", type=int, default=32, help="flow steps a level")
    parser.add_argument("--train_steps", type=int, default=3, help="training steps to take")
    parser.add_argument("--one", metavar="WIDTH,true|false", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        width, checkpointing = args.one.split(",")
        print(json.dumps(measure(args, int(width), checkpointing == "true")))
        return
    _check(parser, args)
    print(f"| {' | '.join(COLUMNS.values())} |")
    print("|" + "---:|" * len(COLUMNS), flush=True)
    for width in args.widths.split(","):
        for checkpointing in ("true", "false"):
            print(_line(_in_a_process(width, checkpointing)), flush=True)


def _check(parser, args):
    """Ends with a sentence if no model can be made of the flags."""
    for width in args.widths.split(","):
        if not width.isdigit() or int(width) < 1:
            parser.error(f"--widths must be positive integers such as 64,512; got {args.widths!r}")
    for name in ("levels", "steps", "train_steps"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(args, name)}")
    factor = 2**args.levels
    if args.image_size < 1 or args.image_size % factor:
        parser.error(
            f"--image_size must be a multiple of 2^levels = {factor}, got {args.image_size}"
        )


def measure(args: argparse.Namespace, width: int, checkpointing: bool) -> dict[str, float | str]:
    """Trains in this process, and reports its peak memory and what came back of the images."""
    # Imported here: the process that only starts others does without.
    import numpy as np
    import tensorflow as tf

    from benchmarks.images import smooth_images
    from benchmarks.models import start_training
    from train.presets import PRESETS

    preset = PRESETS["celeba_hq256"]
    model = dataclasses.replace(
        preset.model,
        image_shape=(args.image_size, args.image_size, 3),
        levels=args.levels,
        steps=args.steps,
        width=width,
        gradient_checkpointing=checkpointing,
    )
    # The average is one more copy of the weights, not of what grows with the image.
    config = dataclasses.replace(preset, model=model, batch_size=1, average_decay=0)
    # At the full step size at once: the round trip is to be that of weights that moved.
    config = dataclasses.replace(config, warmup_steps=0)
    images = smooth_images(1, model.image_shape)
    state, step = start_training(config, {"image": images})
    noise = tf.random.stateless_uniform(images.shape, [0, 0])
    seconds, losses = [], []
    for _ in range(args.train_steps):
        start = time.perf_counter()
        results = step({"image": images, "noise": noise})
        if not results["applied"]:
            raise RuntimeError(f"The step had the loss {results['loss']}.")
        losses.append(f"{results['loss']:.2f}")
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # from KiB

    glow = state.glow
    low_bits = 8 - model.num_bits
    kept = images.numpy() >> low_bits << low_bits
    sample = glow.sample(1, 0.7, seed=0).numpy()
    return {
        "width": width,
        "checkpointing": "with" if checkpointing else "without",
        "parameters": f"{sum(v.shape.num_elements() for v in glow.trainable_variables):,}",
        "peak_gib": f"{peak:.2f}",
        "first_step_s": f"{seconds[0]:.0f}",
        "step_s": f"{np.mean(seconds[1:]):.1f}" if seconds[1:] else "",
        "loss": ", ".join(losses),
        "round_trip": _differing(glow, images, kept),
        "sample_round_trip": _differing(glow, sample, sample),
    }


def _differing(glow, images, expected):
    """How many bytes of decode(encode(images)) are not as expected."""
    decoded = glow.decode(glow.encode(images)).numpy()
    return f"{(decoded != expected).sum():,} of {expected.size:,}"


def _in_a_process(width, checkpointing):
    """What `measure` reports in a process of its own; None if it died, for want of memory."""
    command = [sys.executable, "-m", "benchmarks.large_images", *sys.argv[1:]]
    done = subprocess.run(
        [*command, f"--one={width},{checkpointing}"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    if done.returncode < 0:
        return {
            "width": width,
            "checkpointing": "with" if checkpointing == "true" else "without",
            "peak_gib": "more than there is" if done.returncode == -9 else "",
        }
    done.check_returncode()
    return json.loads(done.stdout.splitlines()[-1])


def _line(values):
    return f"| {' | '.join(str(values.get(name, '')) for name in COLUMNS)} |"


if __name__ == "__main__":
    main()
