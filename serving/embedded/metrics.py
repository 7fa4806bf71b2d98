"""Prometheus metrics, on a port of their own."""

import wsgiref.simple_server

import prometheus_client
from tensorflow_serving.apis import get_model_status_pb2

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """Requests by signature and code, latency, batch sizes, versions."""

    def __init__(self) -> None:
        # A registry of its own: several servers may live in one process, as in the tests.
        self.registry = prometheus_client.CollectorRegistry()
        self._server: wsgiref.simple_server.WSGIServer | None = None
        self._requests = prometheus_client.Counter(
            "glow_serving_requests",
            "Requests answered, by signature and gRPC status code.",
            ["signature", "code"],
            registry=self.registry,
        )
        self._seconds = prometheus_client.Histogram(
            "glow_serving_request_seconds",
            "Time from a request's arrival to its answer.",
            ["signature"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._batch_rows = prometheus_client.Histogram(
            "glow_serving_batch_rows",
            "Rows of the batches that ran, padding not counted.",
            ["signature"],
            buckets=_ROWS,
            registry=self.registry,
        )
        self._versions = prometheus_client.Gauge(
            "glow_serving_version_state",
            "1 for the state that a version is in.",
            ["version", "state"],
            registry=self.registry,
        )
        self._serving = prometheus_client.Gauge(
            "glow_serving_version",
            "The version that answers; 0 when there is none.",
            registry=self.registry,
        )

    def observe_request(self, signature: str, code: str, seconds: float) -> None:
        """Counts an answered request."""
        self._requests.labels(signature, code).inc()
        self._seconds.labels(signature).observe(seconds)

    def observe_batch(self, signature: str, rows: int) -> None:
        """Counts a batch that ran."""
        self._batch_rows.labels(signature).observe(rows)

    def observe_versions(self, states: dict[int, int], current: int | None) -> None:
        """Shows the state of every version, and which one answers (None: none does)."""
        self._versions.clear()
        for version, state in states.items():
            name = get_model_status_pb2.ModelVersionStatus.State.Name(state)
            self._versions.labels(str(version), name).set(1)
        self._serving.set(current or 0)

    def serve(self, host: str, port: int) -> int:
        """Serves the metrics over HTTP, at any path, and returns the port.

        Raises:
          ValueError: If the port is taken.
        """
        try:
            server, _ = prometheus_client.start_http_server(port, host, registry=self.registry)
        except OSError as error:
            raise ValueError(
                f"cannot listen on {host}:{port} for metrics: {error.strerror or error}; "
                "--metrics_port takes another"
            ) from error
        self._server = server
        return server.server_port

    def stop(self) -> None:
        """Ends the HTTP server, if there is one."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
