"""What is wrong with a connection's TLS, where gRPC says that a server is unavailable."""

import re
import socket
import ssl

from serving.pem import load_identity

_SECONDS = 2.0
_UNTRUSTED = re.compile(r"CERTIFICATE_VERIFY_FAILED: (.+?)(?:: OK)?$")


def tls_fault(
    address: str, details: str, encrypted: bool, identity: tuple[bytes, bytes] | None
) -> str | None:
    """The fault in a few words; None if there is none, or none that can be found out.

    Args:
      address: The server, as host:port.
      details: gRPC's own words.
      encrypted: Whether the client speaks TLS.
      identity: The client's certificate and key, if it has them.
    """
    untrusted = _UNTRUSTED.search(details)
    if untrusted:
        return (
            f"the server's certificate is not trusted: {untrusted[1]} (the authority that is "
            "trusted is `ca_certificate`'s, or the system's)"
        )
    if "Hostname Verification Check failed" in details:
        return (
            "the server's certificate is that of another name than the address's; `server_name` "
            "says which is right"
        )
    if "WRONG_VERSION_NUMBER" in details:
        return "the server does not speak TLS"
    if "Socket closed" not in details:
        return None
    stays = _stays_open(address, identity)
    if not encrypted:
        return None if stays is None else "the server speaks TLS: `tls` is needed"
    if stays is not False:
        return None
    if identity is None:
        return "the server wants a client's certificate (`client_certificate`, `client_key`)"
    return "the server does not accept the client's certificate"


def _stays_open(address: str, identity: tuple[bytes, bytes] | None) -> bool | None:
    """Whether a server keeps a connection open whose TLS it has agreed to; None without TLS.

    Its own certificate is not looked at, and nothing is sent. A server that knows its clients
    closes after the handshake (TLS 1.3), gRPC's without an alert.
    """
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if identity is not None:
        load_identity(context, *identity)
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), _SECONDS) as plain,
            context.wrap_socket(plain) as connection,
        ):
            return bool(connection.recv(1))  # HTTP/2's settings, which come unasked.
    except ssl.SSLError as error:
        return False if "ALERT" in (error.reason or "") else None
    except (OSError, ValueError):
        return None
