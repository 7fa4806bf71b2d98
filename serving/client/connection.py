"""The channel to a server: message sizes, TLS, retries, and errors as sentences."""

import dataclasses
import json
import re
from pathlib import Path

import grpc

from serving.client.tls_faults import tls_fault
from serving.pem import check_certificates, check_identity, check_is_path, read_pem
from serving.printable import LONGEST, printable

# Codes of calls that are repeated. gRPC repeats none that the client itself has cancelled.
_REPEATED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
# https://github.com/grpc/grpc/blob/master/doc/naming.md
_GRPC_SCHEMES = ("dns:", "unix:", "unix-abstract:", "vsock:", "ipv4:", "ipv6:", "xds:")


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
        for name in ("ca_certificate", "client_certificate", "client_key"):
            if getattr(self, name) is not None:
                check_is_path(getattr(self, name), f"`{name}`")
        if (self.client_certificate is None) != (self.client_key is None):
            given = "client_key" if self.client_certificate is None else "client_certificate"
            raise ValueError(
                "`client_certificate` and `client_key` must be given together, got only "
                f"`{given}` = {getattr(self, given)}"
            )

    def authority(self) -> bytes | None:
        """The certificates of `ca_certificate`.

        Raises:
          ValueError: If the file cannot be read, or holds no certificate.
        """
        if self.ca_certificate is None:
            return None
        text = read_pem(self.ca_certificate, "`ca_certificate`")
        check_certificates(text, f"`ca_certificate` = {self.ca_certificate}")
        return text

    def identity(self) -> tuple[bytes, bytes] | None:
        """The client's certificate and its key.

        Raises:
          ValueError: If a file cannot be read, or they do not belong together.
        """
        if self.client_certificate is None or self.client_key is None:
            return None
        certificate = read_pem(self.client_certificate, "`client_certificate`")
        key = read_pem(self.client_key, "`client_key`")
        names = (
            f"`client_certificate` = {self.client_certificate}",
            f"`client_key` = {self.client_key}",
        )
        check_identity(certificate, key, names)
        return certificate, key

    def credentials(self) -> grpc.ChannelCredentials:
        """What gRPC takes, read from the files.

        Raises:
          ValueError: If a file cannot be read, or is not what it should be.
        """
        certificate, key = self.identity() or (None, None)
        return grpc.ssl_channel_credentials(self.authority(), key, certificate)


def check_address(address: str) -> None:
    """Refuses what is no host:port, which gRPC would look up, and call unavailable, for seconds.

    gRPC's own names, of a scheme that it knows, pass: unix:/run/glow, dns:///host:8500.

    Raises:
      ValueError: If it has no host, no port from 1 to 65535, a space, or the scheme of a page.
    """
    host, _, port = address.rpartition(":")
    is_number = port.isascii() and port.isdigit() and 0 < int(port[:6]) < 2**16
    is_bare_ipv6 = ":" in host and not (host.startswith("[") and host.endswith("]"))
    if address.startswith(_GRPC_SCHEMES) and not re.search(r"\s", address):
        return
    if not host or not is_number or is_bare_ipv6 or re.search(r"[\s/]", address):
        raise ValueError(f"the server must be host:port, as localhost:8500, got {address!r}")


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


def explain(
    error: grpc.RpcError, address: str, retries: int, tls: TlsConfig | None
) -> ServingError:
    """The sentence for a failed call."""
    code, details = error.code(), error.details() or "no details"
    if code is grpc.StatusCode.UNAVAILABLE:
        try:
            fault = tls_fault(address, details, tls is not None, tls.identity() if tls else None)
        except ValueError:  # The files have changed since they were read.
            fault = None
        if fault:
            return ServingError(f"{address} cannot be talked to: {fault}", code)
    if code in _REPEATED:
        tries = f"{retries + 1} tries" if retries else "one try"
        what = "is unavailable" if code is grpc.StatusCode.UNAVAILABLE else "cancelled the call"
        return ServingError(f"{address} {what} after {tries}: {details}", code)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return ServingError(f"{address} did not answer within the deadline: {details}", code)
    return ServingError(f"{address} answered {code.name}: {details}", code)
