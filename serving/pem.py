"""Keys and certificates for TLS, checked before gRPC takes them. No message repeats a key.

gRPC itself says of all of them that it cannot bind to an address, or make a handshake.
"""

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_KEY = b"PRIVATE KEY-----"
# OpenSSL's words for a key that is not the certificate's; the last for one of another kind.
_OTHER_PAIR = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")


def check_is_path(path: str | os.PathLike, what: str) -> None:
    """Refuses the text of a file in place of its path, without repeating it.

    Raises:
      ValueError: If `path` cannot be one.
    """
    text = os.fsdecode(path)
    if "-----BEGIN" in text or "\n" in text:
        raise ValueError(f"{what} must be the path of a file, got a text of {len(text)} characters")


def read_pem(path: Path, what: str) -> bytes:
    """A file's content.

    Raises:
      ValueError: If it cannot be read.
    """
    check_is_path(path, what)
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {path}, {what}: {error.strerror}") from error


def check_certificates(text: bytes, what: str) -> None:
    """Refuses what is not one or more certificates.

    Args:
      text: The PEM text.
      what: Its name in a message.

    Raises:
      ValueError: If there is none, or one is damaged.
    """
    if _CERTIFICATE not in text:
        held = "a private key" if _KEY in text else "something else"
        raise ValueError(f"{what} must hold a certificate (PEM), it holds {held}")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text.decode())
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(f"{what} is a damaged certificate{_detail(error)}") from None


def check_identity(certificate: bytes, key: bytes, names: tuple[str, str]) -> None:
    """Refuses a certificate and a key that do not belong together.

    Args:
      certificate: The PEM text of the certificate, and of those that lead to its authority.
      key: That of its private key.
      names: What the two are called in a message.

    Raises:
      ValueError: If one is not what it should be, or they are not a pair.
    """
    check_certificates(certificate, names[0])
    if _KEY not in key:
        held = "a certificate" if _CERTIFICATE in key else "something else"
        raise ValueError(f"{names[1]} must hold a private key (PEM), it holds {held}")
    if b"ENCRYPTED" in key:
        raise ValueError(f"{names[1]} is encrypted; gRPC takes keys without a password only")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # How long a key must be is not asked here.
    try:
        load_identity(context, certificate, key)
    except ssl.SSLError as error:
        if error.reason in _OTHER_PAIR:
            raise ValueError(f"{names[1]} is not the key of {names[0]}") from None
        raise ValueError(f"{names[1]} is a damaged private key{_detail(error)}") from None


def load_identity(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Gives a certificate and its key to `context`, which takes them from files only.

    Raises:
      ssl.SSLError: If they are damaged, or not a pair.
    """
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(_nameless(text)) for text in (certificate, key)]
        paths = [f"/dev/fd/{file.fileno()}" for file in files]
        # Without a password to try, OpenSSL would ask for one on the terminal.
        context.load_cert_chain(paths[0], paths[1], password="")


@contextlib.contextmanager
def _nameless(text: bytes) -> Iterator[IO[bytes]]:
    """A file that nobody else can open, in memory where the system has such files."""
    memory = hasattr(os, "memfd_create")
    with os.fdopen(os.memfd_create("pem"), "w+b") if memory else tempfile.TemporaryFile() as file:
        file.write(text)
        file.flush()
        yield file


def _detail(error: Exception) -> str:
    """OpenSSL's word for it, which quotes nothing."""
    reason = getattr(error, "reason", None)
    return f" ({reason})" if isinstance(reason, str) and reason.isupper() else ""
