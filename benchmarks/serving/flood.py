"""Clients that send one message again and again, as a program that starts at once:

    python benchmarks/serving/flood.py HOST:PORT FILE CLIENTS

It prints a line when all are connected, sends the bytes in FILE until its standard input ends, and
prints how many calls ended by which status, as JSON.
"""

import collections
import json
import sys
import threading
import time
from pathlib import Path

import grpc

METHOD = "/tensorflow.serving.PredictionService/Predict"
# Of channels that large messages go through, either way.
OPTIONS = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1))


class Flood:
    """Threads that send `message` to `address`, each through a connection of its own."""

    def __init__(self, address: str, message: bytes, clients: int):
        self._message = message
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._counts: collections.Counter[str] = collections.Counter()
        options = (*OPTIONS, ("grpc.use_local_subchannel_pool", 1))
        self._channels = [grpc.insecure_channel(address, options) for _ in range(clients)]
        for channel in self._channels:
            grpc.channel_ready_future(channel).result(60)
        self._threads = [
            threading.Thread(target=self._work, args=(channel,)) for channel in self._channels
        ]

    def start(self) -> None:
        """Starts sending."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> dict[str, int]:
        """Waits for the last answers; how many there were of each status."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        for channel in self._channels:
            channel.close()
        return dict(self._counts)

    def _work(self, channel: grpc.Channel) -> None:
        call = channel.unary_unary(METHOD)
        while not self._stopping.is_set():
            code = grpc.StatusCode.OK
            try:
                call(self._message, timeout=60)
            except grpc.RpcError as error:
                code = error.code()
            with self._lock:
                self._counts[code.name] += 1
            if code is grpc.StatusCode.UNAVAILABLE:
                time.sleep(0.05)  # As a client that repeats it does.


if __name__ == "__main__":
    flood = Flood(sys.argv[1], Path(sys.argv[2]).read_bytes(), int(sys.argv[3]))
    print("ready", flush=True)
    flood.start()
    sys.stdin.read()
    print(json.dumps(flood.stop()), flush=True)
