"""The channel to a server: message sizes, TLS, retries, and errors as sentences."""

import dataclasses
import json
from pathlib import Path

import grpc

from serving.printable import LONGEST, printable

# Codes of calls that are repeated. gRPC repeats none that the client itself has cancelled.
_REPEATED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


class ServingError(Exception):
    """A call that failed: gRPC's status code, and a sentence that is `printable`."""

    def __init__(self, message: str, code: grpc.StatusCode):
        super().__init__(printable(message, LONGEST))
        self.code = code


@dataclasses.dataclass(frozen=True)
class TlsConfig:
    """Whom to trust as the server, and how to be known to one that asks; all files are PEM."""

    # The authority that signed the server's certificate; None for the system's own.
    ca_certificate: Path | None = None
    # The client's certificate and key, for a server that verifies its clients.
    client_certificate: Path | None = None
    client_key: Path | None = None
    # The name on the server's certificate, where it is not the address's own.
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError(
                "`client_certificate` and `client_key` must be given together, got "
                f"{self.client_certificate} and {self.client_key}"
            )

    def credentials(self) -> grpc.ChannelCredentials:
        """What gRPC takes, read from the files.

        Raises:
          ValueError: If a file cannot be read.
        """
        return grpc.ssl_channel_credentials(
            _read(self.ca_certificate), _read(self.client_key), _read(self.client_certificate)
        )


def open_channel(address: str, tls: TlsConfig | None, retries: int) -> grpc.Channel:
    """Opens a channel to `address` (host:port); nothing is sent before the first call.

    gRPC's own retries repeat a call that was UNAVAILABLE or CANCELLED, as those are that a server
    drops when it stops, and no other. Every call is pure: answered twice, it is answered alike.
    They wait 0.5, 1.25, 3.1 and 7.8 seconds, give or take a fifth: long enough for a server that
    was started just before.
    """
    options: list[tuple[str, str | int]] = [
        # grpcio's default is 4 MiB; 64 images of 256 x 256 with their latents are 63.
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.enable_retries", int(retries > 0)),
        # A refused connection is tried again before the next of those calls.
        ("grpc.initial_reconnect_backoff_ms", 500),
        ("grpc.max_reconnect_backoff_ms", 1000),
        # Larger requests than this buffer would not be repeated.
        ("grpc.per_rpc_retry_buffer_size", 1 << 30),
    ]
    if retries:
        policy = {
            "maxAttempts": retries + 1,
            "initialBackoff": "0.5s",
            "maxBackoff": "8s",
            "backoffMultiplier": 2.5,
            "retryableStatusCodes": [code.name for code in _REPEATED],
        }
        config = {"methodConfig": [{"name": [{}], "retryPolicy": policy}]}
        options.append(("grpc.service_config", json.dumps(config)))
    if tls is None:
        return grpc.insecure_channel(address, options)
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return grpc.secure_channel(address, tls.credentials(), options)


def explain(error: grpc.RpcError, address: str, retries: int) -> ServingError:
    """The sentence for a failed call."""
    code, details = error.code(), error.details() or "no details"
    if code in _REPEATED:
        tries = f"{retries + 1} tries" if retries else "one try"
        what = "is unavailable" if code is grpc.StatusCode.UNAVAILABLE else "cancelled the call"
        return ServingError(f"{address} {what} after {tries}: {details}", code)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return ServingError(f"{address} did not answer within the deadline: {details}", code)
    return ServingError(f"{address} answered {code.name}: {details}", code)


def _read(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error}") from error
