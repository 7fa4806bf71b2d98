"""Services on a gRPC server whose methods are looked up by name alone."""

from collections.abc import Sequence
from typing import Any

import grpc


class UnregisteredMethods:
    """What generated code takes for a server, and adds services to.

    Generated code gives a server the methods of a service twice: as a handler that finds them by
    name, and as registered methods, each with a place in memory that gRPC writes the next call to.
    When grpcio's loop that takes calls ends by an error, it frees those places while gRPC still
    writes to them, so that any object of the process may be overwritten. Here they are not
    registered, and no place is left when the loop ends.
    """

    def __init__(self, server: grpc.aio.Server):
        """Adds nothing by itself; `server` is the one that answers."""
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Hands the handlers that find methods by name on to the server."""
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, *_: Any) -> None:
        """Leaves the methods to the handlers by name, which know the same ones."""
