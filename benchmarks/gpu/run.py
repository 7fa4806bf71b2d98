"""Runs what `lower` wrote with JAX's XLA client, and a PyTorch peer in turn with it.

    python -m benchmarks.gpu.run --input_dir=lowered --peak_tflops=67

needs JAX, PyTorch and NumPy, and neither TensorFlow nor tfglow. It prints what XLA took to compile
each program, images a second of both, the ratio of runs in turn, and what share of the card's peak
the convolutions' arithmetic is. It runs on the default device of both libraries and says which: a
GPU if they see one.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.gpu.hlo_program import HloProgram
from benchmarks.gpu.torch_peer import TorchPeer
from benchmarks.measuring import alternate, ratio_line
from benchmarks.sizes import Size


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input_dir", required=True)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--peak_tflops", type=float, help="of the card, at this precision")
    args = parser.parse_args()

    folder = Path(args.input_dir)
    if not (folder / "train.hlo").exists():
        sys.exit(f"--input_dir must be what benchmarks.gpu.lower wrote, got {args.input_dir!r}.")
    programs = {name: HloProgram(folder, name) for name in ("train", "sample")}
    facts = json.loads((folder / "train.json").read_text(encoding="utf-8"))["facts"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision = facts.pop("precision")
    steps = "a level's steps as a loop" if facts.pop("scan_steps") else "unrolled steps"
    size = Size(**facts)
    print(f"XLA on {programs['train'].device}, PyTorch on {device}, {precision}, {steps}")
    for name, program in programs.items():
        print(f"{name}: compiled in {program.compile_seconds:.1f} s")
    peer = TorchPeer(size, device=device, mixed=precision == "mixed_bfloat16")
    losses = [np.ravel(np.asarray(loss))[0] for loss in (programs["train"].run()[0], peer.train())]
    if not np.all(np.isfinite(np.array(losses, np.float64))):
        raise RuntimeError(f"A loss is not finite: {losses}.")
    for name, theirs in (("train", peer.train), ("sample", peer.sample)):
        ours = programs[name]
        times = [s.wall for s in alternate([ours.run, theirs], args.repeats, warm_up=3)]
        rates = [size.batch_size / np.median(seconds) for seconds in times]
        print(f"{name}: tfglow {rates[0]:.1f} images/s, PyTorch {rates[1]:.1f}")
        print(ratio_line(f"{name}: times as fast as PyTorch", times[1], times[0]))
        passes = 3 if name == "train" else 1  # Forward; gradients of inputs and of kernels.
        flops = 2 * passes * size.multiplications  # A multiplication comes with an addition.
        tflops = flops * rates[0] / size.batch_size / 1e12
        share = f", {tflops / args.peak_tflops:.1%} of the peak" if args.peak_tflops else ""
        print(f"{name}: convolutions {tflops:.2f} TFLOP/s{share}")


if __name__ == "__main__":
    main()
