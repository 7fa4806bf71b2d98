"""Clients that ask at the same time and check every answer."""

import collections
import contextlib
import threading
import time
from typing import Any

import grpc
import numpy as np
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from benchmarks.serving.known_answers import SIGNATURES, KnownAnswers, draw_request
from benchmarks.serving.rest_connection import RestConnection, RestError
from serving.client import GlowClient, InvalidRowError, ServingError
from serving.tensors import to_proto


class LoadClients:
    """Threads that ask at the same time, each with a connection of its own.

    Args:
      address: The server's HOST:PORT.
      known: What it must answer.
      number: How many threads ask.
      bad: The share of requests that are bad on purpose, and to be refused.
      rest_address: HOST:PORT of the server's REST API, which every other client asks; None: none.
    """

    def __init__(
        self,
        address: str,
        known: KnownAnswers,
        number: int,
        bad: float,
        rest_address: str | None = None,
    ):
        self._address = address
        self._rest_address = rest_address
        self._known = known
        self._bad = bad
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._seconds: dict[str, list[float]] = collections.defaultdict(list)
        self._counts: collections.Counter[str] = collections.Counter()
        self._threads = [
            threading.Thread(
                target=self._work_over_rest if rest_address and i % 2 else self._work,
                args=(np.random.default_rng(1000 + i),),
            )
            for i in range(number)
        ]

    def start(self) -> None:
        """Starts asking."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets every client finish its last request."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def results(self) -> dict[str, Any]:
        """Counts, and milliseconds by signature: number, p50, p95, p99, max."""
        latency = {}
        for name in SIGNATURES:
            times = 1000 * np.array(self._seconds[name] or [np.nan])
            summary = [float(np.percentile(times, q)) for q in (50, 95, 99, 100)]
            latency[name] = [len(self._seconds[name]), *summary]
        keys = ("requests", "images", "lost", "wrong", "bad_refused")
        return {"latency_ms": latency, **{key: self._counts[key] for key in keys}}

    def _work(self, generator: np.random.Generator) -> None:
        # Without retries: whatever the server does not answer is lost.
        with (
            GlowClient(self._address, retries=0) as client,
            grpc.insecure_channel(self._address) as channel,
        ):
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while not self._stopping.is_set():
                if generator.random() < self._bad:
                    if generator.integers(2):
                        counts = self._ask_bad_row(client, generator)
                    else:
                        counts = self._ask_bad_shape(stub)
                else:
                    counts = self._ask(client, generator)
                with self._lock:
                    self._counts.update(requests=1, **counts)

    def _work_over_rest(self, generator: np.random.Generator) -> None:
        with contextlib.closing(RestConnection(self._rest_address or "")) as connection:
            while not self._stopping.is_set():
                if generator.random() < self._bad:
                    counts = self._ask_bad_over_rest(connection, generator)
                else:
                    counts = self._ask_over_rest(connection, generator)
                with self._lock:
                    self._counts.update(requests=1, **counts)

    def _ask_over_rest(
        self, connection: RestConnection, generator: np.random.Generator
    ) -> dict[str, int]:
        signature, first, rows = draw_request(generator)
        request = self._known.request(signature, first, rows)
        started = time.perf_counter()
        try:
            answer = connection.predict(signature, request, bool(generator.integers(2)))
        except RestError as error:
            print(f"lost: {signature} over REST: {error}", flush=True)
            return {"lost": 1}
        seconds = time.perf_counter() - started
        with self._lock:
            self._seconds[signature].append(seconds)
        valid = answer.pop("valid")
        right = valid.all() and self._known.is_right(signature, first, rows, answer)
        return {"images": rows} if right else {"wrong": 1}

    def _ask_bad_over_rest(
        self, connection: RestConnection, generator: np.random.Generator
    ) -> dict[str, int]:
        """A row that is not valid, or one with too few values."""
        _, first, rows = draw_request(generator)
        request = self._known.request("decode", first, rows)
        too_short = bool(generator.integers(2))
        bad_row = int(generator.integers(rows))
        if too_short:
            request["latent"] = request["latent"][:, :-1]
        else:
            request["latent"] = request["latent"].copy()
            request["latent"][bad_row] = np.nan
        try:
            valid = connection.predict("decode", request, bool(generator.integers(2)))["valid"]
        except RestError as error:
            if too_short and error.status == 400:
                return {"bad_refused": 1}
            print(f"lost: a bad latent over REST: {error}", flush=True)
            return {"lost": 1}
        right = not too_short and valid.tolist() == [row != bad_row for row in range(rows)]
        return {"bad_refused": 1} if right else {"wrong": 1}

    def _ask(self, client: GlowClient, generator: np.random.Generator) -> dict[str, int]:
        signature, first, rows = draw_request(generator)
        request = self._known.request(signature, first, rows)
        started = time.perf_counter()
        try:
            answer = client.predict(signature, request)
        except ServingError as error:
            print(f"lost: {signature}: {error}", flush=True)
            return {"lost": 1}
        seconds = time.perf_counter() - started
        with self._lock:
            self._seconds[signature].append(seconds)
        right = self._known.is_right(signature, first, rows, answer)
        return {"images": rows} if right else {"wrong": 1}

    def _ask_bad_row(self, client: GlowClient, generator: np.random.Generator) -> dict[str, int]:
        """One row of several has a value that the model does not accept."""
        signature, name, value = (
            ("sample", "temperature", -1.0),
            ("sample_png", "temperature", np.inf),
            ("decode", "latent", np.nan),
        )[generator.integers(3)]
        _, first, rows = draw_request(generator)
        request = self._known.request(signature, first, rows)
        bad_row = int(generator.integers(rows))
        request[name] = request[name].copy()
        request[name][bad_row] = value
        try:
            client.predict(signature, request)
        except InvalidRowError as error:
            return {"bad_refused": 1} if error.row == bad_row else {"wrong": 1}
        except ServingError as error:
            print(f"lost: a bad {name}: {error}", flush=True)
            return {"lost": 1}
        return {"wrong": 1}

    def _ask_bad_shape(
        self, stub: prediction_service_pb2_grpc.PredictionServiceStub
    ) -> dict[str, int]:
        """A request that our client would not send."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "glow"
        request.model_spec.signature_name = "encode"
        for name, value in self._known.request("encode", 0, 2).items():
            request.inputs[name].CopyFrom(to_proto(value[:, :-1] if value.ndim > 1 else value))
        try:
            stub.Predict(request, timeout=60)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                return {"bad_refused": 1}
            print(f"lost: a bad shape: {error.details()}", flush=True)
            return {"lost": 1}
        return {"wrong": 1}
