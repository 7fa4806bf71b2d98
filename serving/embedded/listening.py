"""Why a server cannot listen at an address."""

import errno
import socket


def why_not(host: str, port: int) -> str | None:
    """What the system says when it is asked for the address; None if it gives it."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as place:
                # As gRPC does: a port that was in use a moment ago is free.
                place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                place.bind(address)
                place.listen(1)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        if taken:
            return "is the port taken? --port takes another"
        return error.strerror or str(error)
    return None
