"""Load on the embedded server: many clients, hot version swaps, bad requests, all answers checked.

Serves a copy of an export's newest version as a process of its own, swaps versions under load, and
compares with calling the SavedModel in process:

    python -m benchmarks.serving.load --model_base_path=exports/digits
    python -m benchmarks.serving.load --model_base_path=exports/digits --seconds=10 --swaps=2
    python -m benchmarks.serving.load --model_base_path=exports/digits --rest

The exit status is 1 if an answer was lost or wrong, or a version was not picked up. A pixel may be
one bin off where floats are rounded in another order, one in ten thousand at most.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import write_json
from benchmarks.serving.known_answers import MOST_IN_NEXT_BIN, SIGNATURES, KnownAnswers
from benchmarks.serving.load_clients import LoadClients
from serving.client import GlowClient
from tfglow.one_sentence_parser import OneSentenceParser

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--model_base_path", type=Path, required=True, help="an export's folder")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to load it")
    parser.add_argument("--clients", type=int, default=16, help="at the same time")
    parser.add_argument("--swaps", type=int, default=5, help="new versions under load")
    parser.add_argument("--bad", type=float, default=0.05, help="share of bad requests")
    parser.add_argument("--rest", action="store_true", help="every other client asks over REST")
    parser.add_argument("--enable_batching", default="true", help="passed to the server")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    args = parser.parse_args()

    newest = newest_version(args.model_base_path)
    known = KnownAnswers(newest)
    # Before and after, since a shared machine is not as fast at one time as at another.
    seconds = max(2.0, args.seconds / 6)
    before = known.rate(np.random.default_rng(0), seconds)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, "base")
        shutil.copytree(newest, base / "1")
        server = Server(base, f"--enable_batching={args.enable_batching}", rest=args.rest)
        try:
            report = run_load(args, server, base, known)
        finally:
            status = server.stop()
    after = known.rate(np.random.default_rng(1), seconds)
    report.update(
        in_process=[before[0], after[0]],
        in_process_cpu_ms=[1000 * before[1], 1000 * after[1]],
        ratio=2 * report["images_per_second"] / (before[0] + after[0]),
        exit_status=status,
        share_in_next_bin=known.share_in_next_bin,
    )
    print_report(report)
    if args.json:
        write_json(args.json, report)
    rounded = report["share_in_next_bin"] <= MOST_IN_NEXT_BIN
    failed = report["lost"] or report["wrong"] or report["swaps"] < args.swaps or status
    return int(bool(failed or not rounded))


def run_load(
    args: argparse.Namespace, server: "Server", base: Path, known: KnownAnswers
) -> dict[str, Any]:
    """Runs the clients and swaps versions beneath them; returns the numbers."""
    clients = LoadClients(server.address, known, args.clients, args.bad, server.rest_address)
    memory, swaps = [], []
    started, used = time.perf_counter(), server.cpu_seconds()
    used_here = time.process_time()
    clients.start()
    for step in range(args.swaps + 1):
        end = started + (step + 1) * args.seconds / (args.swaps + 1)
        while time.perf_counter() < end:
            memory.append(server.resident_mib())
            time.sleep(0.1)
        if step < args.swaps:
            swaps.append(swap(base, step + 2, server.address))
    clients.stop()
    seconds = time.perf_counter() - started
    results = clients.results()
    cpu = {"server": server.cpu_seconds() - used, "clients": time.process_time() - used_here}
    quarter = max(1, len(memory) // 4)
    return {
        "seconds": seconds,
        "images_per_second": results["images"] / seconds,
        "requests_per_second": results["requests"] / seconds,
        "latency_ms": results["latency_ms"],
        "cpu_ms_an_image": {k: 1000 * v / max(1, results["images"]) for k, v in cpu.items()},
        "lost": results["lost"],
        "wrong": results["wrong"],
        "bad_refused": results["bad_refused"],
        "swaps": sum(took is not None for took in swaps),
        "swap_seconds": swaps,
        # The peak of each quarter of the run.
        "memory_mib": [max(memory[i * quarter : (i + 1) * quarter] or [0]) for i in range(4)],
    }


class Server:
    """`serving/server.py` as a process.

    Args:
      base: The folder of the model's versions.
      *flags: The server's other flags.
      rest: Whether it speaks REST too.
    """

    def __init__(self, base: Path, *flags: str, rest: bool = False):
        command = [sys.executable, "serving/server.py", f"--model_base_path={base}", "--port=0"]
        command += ["--rest_api_port=0"] if rest else []
        # Its log goes to this terminal; its lines on standard output say where it is.
        self._process = subprocess.Popen(
            [*command, *flags], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        if self._process.stdout is None:
            raise RuntimeError("The server's standard output is no pipe.")
        self.address = self._process.stdout.readline().split()[-1]
        self.rest_address: str | None = None
        if rest:
            url = self._process.stdout.readline().split()[-1]
            self.rest_address = urllib.parse.urlsplit(url).netloc

    def resident_mib(self) -> float:
        """The process's resident memory."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def cpu_seconds(self) -> float:
        """Processor time that the process has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> int:
        """Ends the process as Kubernetes would, and returns its exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)


def newest_version(base: Path) -> Path:
    """The folder with the largest number."""
    versions = [child for child in base.iterdir() if child.name.isdecimal()]
    if not versions:
        raise SystemExit(f"error: {base} has no version, a folder named by a number")
    return max(versions, key=lambda child: int(child.name))


def swap(base: Path, version: int, address: str) -> float | None:
    """Publishes a copy as `version`; returns the seconds until it answers, None for 300 in vain."""
    shutil.copytree(base / "1", base / "unfinished")
    started = time.perf_counter()
    os.rename(base / "unfinished", base / str(version))
    with GlowClient(address) as client:
        while client.metadata().version != version:
            if time.perf_counter() - started > 300:
                return None
            time.sleep(0.05)
    return time.perf_counter() - started


def print_report(report: dict[str, Any]) -> None:
    """Prints the table."""
    print(f"{'signature':12}{'requests':>9}{'p50':>9}{'p95':>9}{'p99':>9}{'max':>9}  ms")
    for name in SIGNATURES:
        count, *times = report["latency_ms"][name]
        print(f"{name:12}{count:9d}" + "".join(f"{value:9.1f}" for value in times))
    before, after = report["in_process"]
    print(
        f"{report['images_per_second']:.0f} images/s served, in process {before:.0f} before and "
        f"{after:.0f} after: {report['ratio']:.0%}; {report['requests_per_second']:.0f} requests/s"
    )
    # What a busy machine hardly changes.
    cpu, alone = report["cpu_ms_an_image"], np.mean(report["in_process_cpu_ms"])
    print(
        f"processor time an image: server {cpu['server']:.2f} ms, clients {cpu['clients']:.2f} ms, "
        f"in process {alone:.2f} ms"
    )
    print(
        f"{report['lost']} lost, {report['wrong']} wrong, "
        f"{report['bad_refused']} bad requests refused as they should be; "
        f"{report['share_in_next_bin']:.1e} of all pixels in the next bin"
    )
    took = ", ".join("never" if t is None else f"{t:.1f} s" for t in report["swap_seconds"])
    print(f"{report['swaps']} version swaps ({took})")
    peaks = ", ".join(f"{peak:.0f}" for peak in report["memory_mib"])
    print(f"memory, peak of each quarter: {peaks} MiB; exit status {report['exit_status']}")


if __name__ == "__main__":
    sys.exit(main())
