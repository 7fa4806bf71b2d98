"""The embedded server while clients send it the largest messages that it lets in, and worse.

Serves an export as a process of its own. For each kind of message, sixteen clients
send it as fast as they can, while health and a small good request are asked for all the time. Their
worst answers are compared with a limit, and the server's memory with what it was:

    python -m benchmarks.serving.hostile_requests --model_base_path=exports/digits

The first kind is the control: as many clients with small good requests, on the same processors.
The exit status is 1 if an answer took too long, or memory did not come back.
"""

import argparse
import collections
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2

from benchmarks.measuring import write_json
from benchmarks.serving import flood
from benchmarks.serving.load import Server
from serving.client import GlowClient
from serving.tensors import to_proto
from tfglow.one_sentence_parser import OneSentenceParser

_CLIENTS_A_PROCESS = 4
_SECONDS_TO_COME_BACK = 10


def main() -> int:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--model_base_path", type=Path, required=True, help="an export's folder")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to send each kind")
    parser.add_argument("--clients", type=int, default=16, help="at the same time")
    parser.add_argument("--most_ms", type=float, default=200.0, help="an answer may take this long")
    parser.add_argument("--kinds", nargs="*", help="of messages; all without it")
    parser.add_argument("--enable_batching", default="false", help="passed to the server")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    args = parser.parse_args()

    server = Server(args.model_base_path, f"--enable_batching={args.enable_batching}")
    try:
        kinds = messages(server.address)
        unknown = set(args.kinds or ()) - set(kinds)
        if unknown:
            raise SystemExit(f"error: no kind {sorted(unknown)}; there are {', '.join(kinds)}")
        report = {
            name: measure(server, kinds["small"], message, args)
            for name, message in kinds.items()
            if not args.kinds or name in args.kinds
        }
    finally:
        status = server.stop()
    print_report(report)
    if args.json:
        write_json(args.json, report)
    slow = [name for name, row in report.items() if row["worst_ms"] > args.most_ms]
    kept = [name for name, row in report.items() if row["kept_mib"] > 100]
    if slow:
        print(f"more than {args.most_ms:g} ms: {', '.join(slow)}")
    if kept:
        print(f"memory that did not come back: {', '.join(kept)}")
    return int(bool(slow or kept or status))


def messages(address: str) -> dict[str, bytes]:
    """By name: good requests of one row and of as many as are let in, and hostile ones."""
    with GlowClient(address) as client:
        model = client.metadata()
    row = np.zeros((1, model.dimensions), np.float32)
    limit = largest(address)
    rows = max(1, min(most_rows(address, row), (limit - 4096) // (4 * row.size + 4)))
    good = {"latent": np.repeat(row, rows, axis=0)}
    if model.is_conditional:
        good["label"] = np.zeros(rows, np.int32)
    typed = _request(good)
    latent = typed.inputs["latent"]
    latent.ClearField("tensor_content")
    latent.float_val.extend(good["latent"].ravel())
    kinds = {
        "small": _request({name: value[:1] for name, value in good.items()}).SerializeToString(),
        "largest": _request(good).SerializeToString(),
        "largest_typed": typed.SerializeToString(),
    }
    start = kinds["small"]
    room = limit - len(start) - 64
    for name, one in {
        "inputs": _bytes_field(2, b""),
        "output_filter": _bytes_field(3, b""),
        "model_specs": _bytes_field(1, b""),
        "unknown_fields": b"\xf8\x06\x01",
    }.items():
        kinds[name] = start + one * (room // len(one))
    kinds["dims"] = start + _tensor(_bytes_field(2, _bytes_field(2, b"") * (room // 2)))
    kinds["numbers"] = start + _tensor(_bytes_field(7, bytes(room)))
    kinds["beyond"] = start + _bytes_field(2, b"") * (47 * 10**6 // 2)
    return kinds


def largest(address: str) -> int:
    """The bytes of the largest message that the server lets in, which it says when it refuses."""
    with grpc.insecure_channel(address, flood.OPTIONS) as channel:
        call = channel.unary_unary(flood.METHOD)
        for size in (1 << 20, 8 << 20, 64 << 20):
            try:
                call(_bytes_field(99, bytes(size))[:size], timeout=60)
            except grpc.RpcError as error:
                found = re.search(r"larger than max \(\d+ vs\. (\d+)\)", error.details() or "")
                if found:
                    return int(found[1])
    raise SystemExit("error: the server refuses no message by its size")


def most_rows(address: str, row: np.ndarray) -> int:
    """The most rows that the server takes in a request, which it says likewise."""
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT)
    for size in (1 << 40, row.size):
        tensor.tensor_shape.dim.add(size=size)
    request = _request({})
    request.inputs["latent"].CopyFrom(tensor)
    with GlowClient(address) as client:
        if client.metadata().is_conditional:
            tensor.dtype = types_pb2.DT_INT32
            del tensor.tensor_shape.dim[1:]
            request.inputs["label"].CopyFrom(tensor)
    with grpc.insecure_channel(address) as channel:
        try:
            channel.unary_unary(flood.METHOD)(request.SerializeToString(), timeout=60)
        except grpc.RpcError as error:
            found = re.search(r"maximum input batch size (\d+)", error.details() or "")
            if found:
                return int(found[1])
    raise SystemExit("error: the server refuses no request by its rows")


def measure(
    server: Server, small: bytes, message: bytes, args: argparse.Namespace
) -> dict[str, Any]:
    """Sends `message` from all clients, and asks for health and `small` meanwhile."""
    before = server.resident_mib()
    with tempfile.NamedTemporaryFile() as file, contextlib.ExitStack() as stack:
        file.write(message)
        file.flush()
        floods = [
            stack.enter_context(start_flood(server.address, file.name, _CLIENTS_A_PROCESS))
            for _ in range(0, args.clients, _CLIENTS_A_PROCESS)
        ]
        for flooding in floods:
            if flooding.stdout is not None:
                flooding.stdout.readline()
        with grpc.insecure_channel(server.address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            predict = channel.unary_unary(flood.METHOD)
            request = health_pb2.HealthCheckRequest()
            probes = [
                Probe(lambda: health.Check(request, timeout=60)),
                Probe(lambda: predict(small, timeout=60)),
            ]
            peak, end = before, time.monotonic() + args.seconds
            while time.monotonic() < end:
                peak = max(peak, server.resident_mib())
                time.sleep(0.05)
            times = [probe.stop() for probe in probes]
        codes: collections.Counter[str] = collections.Counter()
        for flooding in floods:
            codes.update(json.loads(flooding.communicate()[0]))
    end = time.monotonic() + _SECONDS_TO_COME_BACK
    while (after := server.resident_mib()) > before + 50 and time.monotonic() < end:
        time.sleep(0.5)
    return {
        "bytes": len(message),
        "codes": dict(codes),
        "health_ms": _summary(times[0]),
        "small_ms": _summary(times[1]),
        "worst_ms": max(max(each) for each in times),
        "peak_mib": peak,
        "before_mib": before,
        "after_mib": after,
        "kept_mib": after - before,
    }


def start_flood(address: str, path: str, clients: int) -> subprocess.Popen[str]:
    """A process of `clients` that send the bytes in the file `path`; it says when it begins."""
    command = [sys.executable, flood.__file__, address, path, str(clients)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class Probe:
    """Calls `ask` again and again in a thread, and keeps how many milliseconds each took."""

    def __init__(self, ask: Callable[[], object]):
        ask()  # Connects.
        self._ask = ask
        self._times: list[float] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def stop(self) -> list[float]:
        """The milliseconds of every call."""
        self._stopping.set()
        self._thread.join()
        return self._times

    def _work(self) -> None:
        while not self._stopping.wait(0.01):
            started = time.perf_counter()
            self._ask()
            self._times.append(1000 * (time.perf_counter() - started))


def print_report(report: dict[str, dict[str, Any]]) -> None:
    """Prints the table."""
    print(
        f"{'message':15}{'MB':>7}{'health p50':>12}{'p99':>7}{'worst':>7}"
        f"{'small p50':>11}{'p99':>7}{'worst':>7}  ms{'MiB before':>12}{'peak':>6}{'after':>6}"
    )
    for name, row in report.items():
        health, small = (
            f"{p50:>{width}.1f}{p99:7.0f}{worst:7.0f}"
            for (p50, p99, worst), width in ((row["health_ms"], 12), (row["small_ms"], 11))
        )
        codes = ", ".join(f"{count} {code}" for code, count in sorted(row["codes"].items()))
        print(
            f"{name:15}{row['bytes'] / 1e6:7.2f}{health}{small}    {row['before_mib']:12.0f}"
            f"{row['peak_mib']:6.0f}{row['after_mib']:6.0f}  {codes}"
        )


def _request(inputs: dict[str, np.ndarray]) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "glow"
    request.model_spec.signature_name = "decode"
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(to_proto(value))
    return request


def _tensor(content: bytes) -> bytes:
    """A field `inputs` whose tensor is of floats, and has `content`."""
    return _bytes_field(2, _bytes_field(1, b"latent") + _bytes_field(2, b"\x08\x01" + content))


def _bytes_field(number: int, content: bytes) -> bytes:
    """A field of protocol buffers' wire format."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    groups = []
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])


def _summary(times: list[float]) -> list[float]:
    return [float(np.percentile(times, q)) for q in (50, 99, 100)]


if __name__ == "__main__":
    sys.exit(main())
