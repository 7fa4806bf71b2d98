"""Bits per dimension along training in float32 and in mixed bfloat16, from the same start.

Runs `train/main.py` once for each precision, with the same seed, images and noise, and once more in
float32 with other convolution kernels (TensorFlow's own in place of oneDNN's), which only round
differently: training amplifies a last bit, and a difference is to be held against what that does.
It prints the test split's bits per dimension at each evaluation, with the averaged weights where
--average_decay is not 0. Runs that are there already go on from where they stopped.

    python -m benchmarks.precision_curve --runs_dir=runs/precision --data_dir=DIR
    python -m benchmarks.precision_curve --runs_dir=runs/precision_adam --data_dir=DIR \\
        --average_decay=0.99 --train_flags="--optimizer=adam --learning_rate=5e-4"
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from tfglow.one_sentence_parser import OneSentenceParser

ROOT = Path(__file__).resolve().parents[1]
# Name → flags and environment.
RUNS = {
    "float32": ([], {}),
    "mixed_bfloat16": (["--precision=mixed_bfloat16"], {}),
    "float32, other rounding": ([], {"TF_ENABLE_ONEDNN_OPTS": "0"}),
}


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--runs_dir", required=True, help="a folder for the runs")
    parser.add_argument("--data_dir", help="of cifar10, as TFDS keeps it")
    parser.add_argument("--steps", type=int, default=8, help="K, flow steps a level")
    parser.add_argument("--width", type=int, default=128, help="channels of the hidden layers")
    parser.add_argument("--batch_size", type=int, default=32, help="images of a step")
    parser.add_argument("--train_steps", type=int, default=1000, help="steps of a run")
    parser.add_argument("--evaluate_every", type=int, default=100, help="steps")
    parser.add_argument(
        "--average_decay", type=float, default=0.0, help="0: the weights as they are"
    )
    parser.add_argument(
        "--train_flags", default="", help="more flags of train/main.py, in one text"
    )
    args = parser.parse_args()
    if args.train_steps % args.evaluate_every:
        parser.error("--train_steps must be a multiple of --evaluate_every")

    curves = {}
    for name, (flags, environment) in RUNS.items():
        run_dir = Path(args.runs_dir) / name.replace(", ", "_").replace(" ", "_")
        train(run_dir, args, flags, environment)
        curves[name] = read_curve(run_dir)
    print(f"\n| step | {' | '.join(curves)} | mixed − float32 | other rounding − float32 |")
    print("|---:" * (len(curves) + 3) + "|")
    for step in curves["float32"]:
        values = [curve[step] for curve in curves.values()]
        differences = [value - values[0] for value in values[1:]]
        cells = [f"{value:.4f}" for value in values] + [f"{d:+.4f}" for d in differences]
        print(f"| {step:,} | {' | '.join(cells)} |")


def train(
    run_dir: Path, args: argparse.Namespace, flags: list[str], environment: dict[str, str]
) -> None:
    """One run, or the rest of it."""
    epoch_images = args.evaluate_every * args.batch_size
    command = [
        *(sys.executable, str(ROOT / "train" / "main.py"), f"--run_dir={run_dir}"),
        *("--preset=cifar10", f"--steps={args.steps}", f"--width={args.width}", "--shift=0"),
        *(f"--batch_size={args.batch_size}", f"--epoch_images={epoch_images}", "--eval_every=1"),
        *(f"--epochs={args.train_steps // args.evaluate_every}", "--warmup_steps=1000"),
        *(f"--average_decay={args.average_decay}", "--sample_every=1000"),
        *("--checkpoint_every=1000", *shlex.split(args.train_flags)),
        *([f"--data_dir={args.data_dir}"] if args.data_dir else []),
        *flags,
    ]
    subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | environment)


def read_curve(run_dir: Path) -> dict[int, float]:
    """Step → the test split's bits per dimension."""
    lines = (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    epochs = [json.loads(line) for line in lines]
    return {e["step"]: e["eval_bits_per_dim"] for e in epochs if "eval_bits_per_dim" in e}


if __name__ == "__main__":
    main()
