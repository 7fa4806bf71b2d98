"""A gRPC server that strangers cannot end."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import grpc

from serving.embedded.sparse_log import SparseLog

_log = logging.getLogger(__name__)
_SECONDS_BETWEEN_TRIES = 0.05
# What the calls under way may take when their server has ended; new ones have gone to the next.
_OLD_CALLS_SECONDS = 60.0


class LastingServer:
    """Makes a new `grpc.aio` server on the same port when one ends by an error of its own.

    grpcio 1.85 decodes a call's method in the loop that takes calls: one name that is not UTF-8
    ends that loop, and with it the server, while the process lives on. The calls under way are
    answered all the same, and clients connect anew by themselves.

    A server that ends so must have no registered methods (`UnregisteredMethods`).
    """

    def __init__(self, make: Callable[[int], tuple[grpc.aio.Server, int]]):
        """Makes nothing before `bind`.

        Args:
          make: Makes a server that listens at a port (0: any), and returns it with the port; it
            raises ValueError if the port is taken.
        """
        self._make = make
        self._port = 0
        self._servers: list[grpc.aio.Server] = []
        self._restarts: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._sparse_log = SparseLog(_log)

    async def bind(self, port: int) -> int:
        """Makes the first server, and returns its port.

        Raises:
          ValueError: If the port is taken.
        """
        # What grpcio's own tasks leave behind is no traceback on the terminal.
        asyncio.get_running_loop().set_exception_handler(self._on_loop_error)
        server, self._port = self._make(port)
        self._servers = [server]
        return self._port

    async def start(self) -> None:
        """Answers calls from now on."""
        before = asyncio.all_tasks()
        await self._servers[-1].start()
        for task in asyncio.all_tasks() - before:
            task.add_done_callback(self._on_end)

    async def stop(self, seconds: float) -> None:
        """Takes no more calls, and cancels those that take longer than `seconds`."""
        self._stopping = True
        await asyncio.gather(*(server.stop(seconds) for server in self._servers))

    def _on_end(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None or self._stopping:
            return
        self._sparse_log.warning(
            "restart", f"gRPC's server ended ({type(error).__name__}); the next one goes on"
        )
        restart = asyncio.create_task(self._restart())
        self._restarts.add(restart)
        restart.add_done_callback(self._restarts.discard)

    async def _restart(self) -> None:
        old = self._servers[-1]
        while not self._stopping:
            try:
                server, _ = self._make(self._port)
            except ValueError as error:
                self._sparse_log.warning("port", f"{error}; trying again")
                await asyncio.sleep(_SECONDS_BETWEEN_TRIES)
                continue
            self._servers.append(server)
            await self.start()
            break
        await old.stop(_OLD_CALLS_SECONDS)
        if not self._stopping:
            self._servers.remove(old)

    def _on_loop_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._sparse_log.warning("loop", f"{context['message']}: {type(error).__name__}")
