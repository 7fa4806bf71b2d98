"""The embedded server's configuration, checked once."""

import dataclasses
import os
from pathlib import Path

from serving.embedded.text_protos import BatchingParameters, read_text_proto
from tfglow import fields
from tfglow.fields import field
from tfglow.local_paths import check_local_path


@dataclasses.dataclass(frozen=True)
class BatchingConfig:
    """When waiting requests run as one batch; the fields are TF Serving's BatchingParameters.

    Raises:
      ValueError: If a field is of another type or out of range.
    """

    max_batch_size: int = field(
        64, help="Rows in a batch, at most; a request with more is refused.", low=1
    )
    batch_timeout_micros: int = field(
        2_000,
        help="How long the first request of a batch waits for company while a thread is free.",
        low=0,
    )
    max_enqueued_batches: int = field(
        100,
        help="Full batches that may wait, a signature; beyond it a request is refused as "
        "UNAVAILABLE.",
        low=1,
    )
    num_batch_threads: int = field(
        default_factory=lambda: os.cpu_count() or 1,
        help="Batches that run at the same time.",
        low=1,
    )
    allowed_batch_sizes: tuple[int, ...] = field(
        (), help="A batch is padded up to the next of these sizes; none means no padding.", low=1
    )

    def __post_init__(self) -> None:
        fields.check(self)
        sizes = self.allowed_batch_sizes
        if sizes and (list(sizes) != sorted(set(sizes)) or sizes[-1] != self.max_batch_size):
            raise ValueError(
                "`allowed_batch_sizes` must rise to `max_batch_size` = "
                f"{self.max_batch_size}, got {list(sizes)}."
            )

    @classmethod
    def read(cls, path: Path) -> "BatchingConfig":
        """Reads a BatchingParameters text proto; what it leaves out keeps its default.

        Raises:
          ValueError: If the file cannot be read, is no such message, or has values out of range.
        """
        proto = read_text_proto(path, BatchingParameters)
        given = {
            field.name: getattr(proto, field.name).value
            for field in dataclasses.fields(cls)
            if field.name != "allowed_batch_sizes" and proto.HasField(field.name)
        }
        return cls(**given, allowed_batch_sizes=tuple(proto.allowed_batch_sizes))


def _channel_arguments(text: str) -> tuple[tuple[str, int | str], ...]:
    """gRPC's arguments from a flag's text, `KEY=VALUE,KEY=VALUE`."""
    arguments: list[tuple[str, int | str]] = []
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is not KEY=VALUE")
        number = value.removeprefix("-").isdigit()
        arguments.append((key, int(value) if number else value))
    return tuple(arguments)


@dataclasses.dataclass(frozen=True)
class ServerConfig:
    """What `python serving/server.py` serves, where and how; each field but `batching` is a flag.

    Raises:
      ValueError: If a field is of another type or out of range, or the folder is none of versions.
    """

    model_base_path: Path = field(help="The folder with a numbered folder a version.")
    model_name: str = field("glow", help="The name that requests ask for.")
    host: str = field("127.0.0.1", help="The interface to listen on; 0.0.0.0 for all.")
    port: int = field(8500, help="The gRPC port; 0 takes a free one.", low=0, high=65535)
    rest_api_port: int | None = field(
        None,
        help="The port of TF Serving's REST API; 0 takes a free one, without it there is none. It "
        "has no TLS, as in TF Serving.",
        low=0,
        high=65535,
    )
    rest_api_timeout_in_ms: int = field(
        30_000,
        help="How long a REST request may take, its sending included; 0 for ever.",
        low=0,
    )
    rest_api_enable_cors_support: bool = field(
        False, help="Lets web pages of any origin read the answers of the REST API."
    )
    metrics_port: int | None = field(
        None,
        help="The port of the Prometheus metrics; 0 takes a free one, without it there are none.",
        low=0,
        high=65535,
    )
    batching: BatchingConfig | None = field(
        None, help="How requests are batched; None runs each request by itself."
    )
    max_request_rows: int = field(
        1024,
        help="Rows in one request, at most (`max_batch_size`, if less): what bounds a request's "
        "memory.",
        low=1,
    )
    max_request_bytes: int = field(
        4 << 20,
        help="Bytes in one request, at most, and never more than `max_request_rows` rows of the "
        "model's largest signature need. Many clients with larger ones hold the others up.",
        low=64 << 10,
    )
    max_bytes_in_flight: int = field(
        512 << 20,
        help="Bytes that the requests under way and their answers may hold together; further "
        "ones are refused as UNAVAILABLE.",
        low=1,
    )
    max_waiting_requests: int = field(
        256,
        help="Requests that may wait or run at the same time; further ones are refused as "
        "UNAVAILABLE.",
        low=1,
    )
    grpc_channel_arguments: tuple[tuple[str, int | str], ...] = field(
        (),
        help="Arguments for the gRPC server, on top of our own: comma-separated, as in "
        "grpc.max_receive_message_length=1000000.",
        parse=_channel_arguments,
    )
    ssl_config_file: Path | None = field(
        None, help="A text proto of TF Serving's SSLConfig; without it there is no TLS."
    )
    file_system_poll_wait_seconds: float = field(
        1.0, help="Seconds between two looks at the folder; 0 looks once.", low=0
    )
    max_num_load_retries: int = field(
        5, help="How often a version that failed to load is tried again.", low=0
    )
    load_retry_interval_micros: int = field(
        60_000_000, help="Microseconds between those tries.", low=0
    )
    load_timeout_seconds: float = field(
        600.0,
        help="How long a version may take to load and to warm up; then it has failed, and the "
        "next one is tried.",
        above=0,
    )
    enable_model_warmup: bool = field(
        True,
        help="Replays `assets.extra/tf_serving_warmup_requests` before a version is available.",
    )
    tensorflow_intra_op_parallelism: int = field(
        0, help="Threads inside a TensorFlow operation; 0 lets it choose.", low=0
    )
    tensorflow_inter_op_parallelism: int = field(
        0, help="TensorFlow operations at the same time; 0 lets it choose.", low=0
    )
    shutdown_grace_seconds: float = field(
        25.0,
        help="How long requests under way may go on after SIGTERM (Kubernetes kills after 30 s).",
        low=0,
    )

    def __post_init__(self) -> None:
        fields.check(self)
        if not self.model_name:
            raise ValueError("`model_name` must not be empty, got ''.")
        check_local_path(self.model_base_path, "`model_base_path`")
        if not self.model_base_path.is_dir():
            raise ValueError(
                f"`model_base_path` must be a folder, got {str(self.model_base_path)!r}."
            )
        if (self.model_base_path / "saved_model.pb").exists():
            raise ValueError(
                f"`model_base_path` = {str(self.model_base_path)!r} is itself a version; give the "
                f"folder above it, {str(self.model_base_path.resolve().parent)!r}."
            )
