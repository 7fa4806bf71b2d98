"""Every benchmark that the tables of docs/performance.md are made from, in one sitting.

    python -m benchmarks.sitting --output=DIR --torch_python=/other/bin/python
    python -m benchmarks.sitting --output=DIR --only=peers_small,memory

Parts run one after another, each a process of its own: those that matter most first. A part's
output is DIR/NAME.txt, under the commit, the processor and its load, and DIR/NAME.json where the
benchmark writes one. A part that fails is said, and the rest goes on; the exit status is then 1.
Parts that are long, or need data, run only by --only; `--list` says what there is. A part that has
its output in DIR already is measured anew.
"""

import argparse
import dataclasses
import datetime
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.sizes import choices

ROOT = Path(__file__).resolve().parents[1]
# The processor's extensions that decide how fast a product is, as Linux names them.
_EXTENSIONS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16")


@dataclasses.dataclass(frozen=True)
class Part:
    """A benchmark and its flags, with {torch_python}, {json} and names of --set for values."""

    name: str
    # What follows `python -m benchmarks.`.
    command: str
    # Whether it runs only when --only names it.
    only: bool = False

    def arguments(self, values: dict[str, str]) -> list[str]:
        """The words of the command with their values in place.

        Raises:
          ValueError: If a value is not given.
        """
        words = shlex.split(self.command)
        for missing in re.findall(r"{(\w+)}", self.command):
            if missing not in values:
                raise ValueError(f"needs --set {missing}=VALUE")
        module, *flags = (word.format_map(values) for word in words)
        return [sys.executable, "-m", f"benchmarks.{module}", *flags]


_OURS = "float32,mixed_bfloat16,frozen,frozen_in_graph,served,served_mixed_bfloat16"
_TORCH = "--torch_python={torch_python}"
_PEERS = f"peers --ours={_OURS},limit,limit_bfloat16 --peers=FrEIA {_TORCH}"
_OTHERS = (
    "peers --ours=float32,mixed_bfloat16,served,served_mixed_bfloat16"
    f" --peers=normflows,tfb.Glow {_TORCH}"
)


def _operations(size: str, task: str, precision: str) -> Part:
    options = shlex.quote(f'{{{{"precision": "{precision}"}}}}')
    command = f"operation_times --size={size} --task={task} --options={options} --groups"
    return Part(f"operations_{task}_{size}_{precision}", command)


PARTS = (
    Part("peers_small", f"{_PEERS} --sizes=small --repeats=8 --output={{json}}"),
    Part("peers_paper", f"{_PEERS} --sizes=paper --repeats=3 --output={{json}}"),
    Part("others_small", f"{_OTHERS} --sizes=small --repeats=6 --output={{json}}"),
    Part("others_paper", f"{_OTHERS} --sizes=paper --repeats=3 --output={{json}}"),
    Part(
        "peers_xla",
        "peers --sizes=small,paper --tasks=log_prob --ours=xla,served,served_mixed_bfloat16"
        " --peers=tfb.Glow-xla --repeats=4 --output={json}",
    ),
    Part(
        "memory",
        "peers --sizes=paper --memory --ours=float32,mixed_bfloat16 --peers=FrEIA,normflows"
        f" {_TORCH} --output={{json}}",
    ),
    Part("memory_small", "peers --sizes=small --memory --ours=float32 --peers= --output={json}"),
    *(
        _operations(size, task, precision)
        for size, task, precision in (
            ("small", "train", "float32"),
            ("small", "train", "mixed_bfloat16"),
            ("paper", "train", "float32"),
            ("paper", "train", "mixed_bfloat16"),
            ("small", "sample", "float32"),
            ("small", "sample", "mixed_bfloat16"),
            ("paper", "sample", "float32"),
        )
    ),
    Part("first_step", "first_step --size=paper --average --gradient_checkpointing"),
    Part("eager", "eager"),
    Part("scaling", "scaling --rounds=3 --train_steps=10 --output={json}"),
    Part("page_small", "serving.page --size=small --repeats=100"),
    Part("page_paper", "serving.page --size=paper --repeats=30"),
    Part("compile_time", "compile_time --width=16 --batch_size=16 --depths=8,32 --repeats=3"),
    Part(
        "compile_time_loop",
        "compile_time --width=16 --batch_size=16 --depths=64 --forms=loop --repeats=3",
    ),
    Part("compile_time_small", "compile_time --size=small --depths=8 --repeats=3", only=True),
    Part(
        "compile_time_graph",
        "compile_time --size=small --depths=8 --repeats=3 --no_jit_compile",
    ),
    Part("growth", f"growth --repeats=3 {_TORCH} --output={{json}}", only=True),
    Part(
        "mixed_precision",
        "mixed_precision --run_dir={run_dir} --data_dir={data_dir} --num_images=128",
        only=True,
    ),
    Part(
        "precision_curve", "precision_curve --runs_dir={runs_dir} --data_dir={data_dir}", only=True
    ),
    Part("large_data", "large_data --data={large_data} --order", only=True),
    Part(
        "input_pipeline",
        "input_pipeline --dataset=folder --data_dir={large_data}/photos",
        only=True,
    ),
    Part("page_digits", "serving.page --model_base_path={exports}", only=True),
    Part("hostile", "serving.hostile_requests --model_base_path={exports}", only=True),
    Part("load", "serving.load --model_base_path={exports} --rest --json={json}", only=True),
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [part.name for part in PARTS]
    parser.add_argument("--output", type=Path, metavar="DIR", help="the folder to write in")
    parser.add_argument("--torch_python", default=sys.executable, help="the one that has PyTorch")
    parser.add_argument("--only", type=choices(names), metavar="NAME,...", help="parts to run")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        metavar="NAME=VALUE",
        help="what a part needs: run_dir, runs_dir, data_dir, large_data, exports",
    )
    parser.add_argument("--list", action="store_true", help="say the parts' commands instead")
    args = parser.parse_args()
    if args.list:
        for part in PARTS:
            print(f"{part.name}{' (by --only)' * part.only}: {part.command}")
        return 0
    if args.output is None:
        parser.error("--output names the folder to write in")
    args.output.mkdir(parents=True, exist_ok=True)
    parts = [part for part in PARTS if part.name in args.only] if args.only else None
    parts = parts or [part for part in PARTS if not part.only]
    values = {"torch_python": args.torch_python, **dict(args.set)}
    return run(parts, args.output, values)


def run(parts: Sequence[Part], output: Path, values: dict[str, str]) -> int:
    """Runs the parts one after another, and says a line of each; 1 if one failed, else 0.

    Args:
      parts: What is run.
      output: The folder of the outputs.
      values: What stands for {name} in the commands.
    """
    failed = 0
    for number, part in enumerate(parts, 1):
        start = time.perf_counter()
        how = _run_part(part, output, values)
        failed += how is not None
        state = "done" if how is None else f"FAILED ({how})"
        seconds = time.perf_counter() - start
        print(f"{number}/{len(parts)} {part.name}: {state}, {seconds:.0f} s", flush=True)
    return int(failed > 0)


def machine() -> Iterator[str]:
    """Lines that say what is measured, where, when, and what else the machine does."""
    commit = _git("describe", "--always", "--dirty", "--abbrev=12")
    yield f"date: {datetime.datetime.now().astimezone().isoformat(timespec='seconds')}"
    yield f"commit: {commit or 'unknown'}"
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    flags = re.search(r"^flags\s*: (.*)$", text, re.MULTILINE)
    found = set(flags[1].split()) if flags else set()
    yield f"processor: {model[1] if model else 'unknown'}, {len(os.sched_getaffinity(0))} cores"
    yield "extensions: " + ", ".join(f"{name} {_yes(name in found)}" for name in _EXTENSIONS)
    yield "load average: " + ", ".join(f"{load:.2f}" for load in os.getloadavg())


def _run_part(part, output, values):
    """None, or in words how it failed."""
    try:
        command = part.arguments({**values, "json": str((output / f"{part.name}.json").resolve())})
    except ValueError as error:
        return str(error)
    file = output / f"{part.name}.txt"
    with file.open("w", encoding="utf-8") as text:
        text.write("\n".join((*machine(), f"command: {shlex.join(command)}", "", "")))
        text.flush()
        environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
        done = subprocess.run(
            command, cwd=ROOT, stdout=text, stderr=subprocess.STDOUT, env=environment
        )
        text.write(f"\nload average after it: {os.getloadavg()[0]:.2f}\n")
    return f"exit status {done.returncode}, see {file}" if done.returncode else None


def _git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def _yes(there):
    return "yes" if there else "no"


def _setting(text):
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE; got {text!r}")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
