"""The embedded server's configuration, checked once."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from serving.embedded.text_protos import BatchingParameters, read_text_proto


@dataclasses.dataclass(frozen=True)
class BatchingConfig:
    """When waiting requests run as one batch; the fields are TF Serving's BatchingParameters."""

    # Rows in a batch, at most; a request with more is refused.
    max_batch_size: int = 64
    # How long the first request of a batch waits for company while a thread is free.
    batch_timeout_micros: int = 2_000
    # Full batches that may wait, a signature; beyond it a request is refused as UNAVAILABLE.
    max_enqueued_batches: int = 100
    # Batches that run at the same time.
    num_batch_threads: int = dataclasses.field(default_factory=lambda: os.cpu_count() or 1)
    # A batch is padded up to the next of these sizes; none means no padding.
    allowed_batch_sizes: tuple[int, ...] = ()

    def __post_init__(self):
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` is at least 1, got {getattr(self, name)}")
        if self.batch_timeout_micros < 0:
            raise ValueError(
                f"`batch_timeout_micros` is at least 0, got {self.batch_timeout_micros}"
            )
        sizes = self.allowed_batch_sizes
        if sizes and (
            list(sizes) != sorted(set(sizes)) or sizes[0] < 1 or sizes[-1] != self.max_batch_size
        ):
            raise ValueError(
                "`allowed_batch_sizes` rise from at least 1 to `max_batch_size` = "
                f"{self.max_batch_size}, got {list(sizes)}"
            )

    @classmethod
    def read(cls, path: Path) -> BatchingConfig:
        """Reads a BatchingParameters text proto; what it leaves out keeps its default.

        Raises:
          ValueError: a file that cannot be read, is no such message, or has values out of range.
        """
        proto = read_text_proto(path, BatchingParameters)
        given = {
            field.name: getattr(proto, field.name).value
            for field in dataclasses.fields(cls)
            if field.name != "allowed_batch_sizes" and proto.HasField(field.name)
        }
        return cls(**given, allowed_batch_sizes=tuple(proto.allowed_batch_sizes))


@dataclasses.dataclass(frozen=True)
class ServerConfig:
    """What `python serving/server.py` serves, where and how."""

    # The folder with a numbered folder a version.
    model_base_path: Path
    # The name that requests ask for.
    model_name: str = "glow"
    # The interface to listen on: loopback unless somebody says otherwise.
    host: str = "127.0.0.1"
    # The gRPC port; 0 takes a free one.
    port: int = 8500
    # The port of the Prometheus metrics; 0 takes a free one, None has no metrics.
    metrics_port: int | None = None
    # How requests are batched; None runs each request by itself.
    batching: BatchingConfig | None = None
    # Rows in one request, at most (`max_batch_size`, if less): what bounds a request's memory.
    max_request_rows: int = 1024
    # Requests that may wait or run at the same time; beyond it they are refused as UNAVAILABLE.
    max_waiting_requests: int = 256
    # Arguments for the gRPC server, on top of our own.
    grpc_channel_arguments: tuple[tuple[str, int | str], ...] = ()
    # A text proto of TF Serving's SSLConfig; None serves without TLS.
    ssl_config_file: Path | None = None
    # Seconds between two looks at the folder; 0 looks once.
    file_system_poll_wait_seconds: float = 1.0
    # How often, and how long after, a version that failed to load is tried again.
    max_num_load_retries: int = 5
    load_retry_interval_micros: int = 60_000_000
    # Replays `assets.extra/tf_serving_warmup_requests` before a version is available.
    enable_model_warmup: bool = True
    # TensorFlow's thread pools; 0 lets it choose.
    tensorflow_intra_op_parallelism: int = 0
    tensorflow_inter_op_parallelism: int = 0
    # How long requests under way may go on after SIGTERM (Kubernetes kills after 30 s).
    shutdown_grace_seconds: float = 25.0

    def __post_init__(self):
        if not self.model_name:
            raise ValueError("`model_name` is empty")
        if not self.model_base_path.is_dir():
            raise ValueError(f"`model_base_path` = {self.model_base_path} is not a folder")
        if (self.model_base_path / "saved_model.pb").exists():
            raise ValueError(
                f"`model_base_path` = {self.model_base_path} is itself a version; "
                f"give the folder above it, {self.model_base_path.resolve().parent}"
            )
        for name in ("port", "metrics_port"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 65536:
                raise ValueError(f"`{name}` is between 0 and 65535, got {value}")
        for name in ("max_request_rows", "max_waiting_requests"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` is at least 1, got {getattr(self, name)}")
        for name in (
            "file_system_poll_wait_seconds",
            "max_num_load_retries",
            "tensorflow_intra_op_parallelism",
            "tensorflow_inter_op_parallelism",
            "shutdown_grace_seconds",
        ):
            if not getattr(self, name) >= 0:
                raise ValueError(f"`{name}` is at least 0, got {getattr(self, name)}")
