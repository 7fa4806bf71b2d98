"""The port of the REST API; aiohttp speaks HTTP."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

# What aiohttp tells of clients that speak no HTTP is of no use, and would fill a log.
_unheard = logging.getLogger(f"{__name__}.http")
_unheard.disabled = True


class RestServer:
    """An HTTP server on the event loop that it is started on."""

    def __init__(
        self, host: str, port: int, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ):
        """Binds the port; who connects before `start` waits.

        Args:
          host: The interface.
          port: The port; 0 takes a free one.
          answer: Answers every request.

        Raises:
          ValueError: If the port cannot be bound.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=512)
        except OSError as error:
            raise ValueError(
                f"cannot listen on {host}:{port} for REST: {error.strerror or error}; "
                "--rest_api_port takes another"
            ) from error
        self.port: int = self._socket.getsockname()[1]
        self._answer = answer
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Answers from now on."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_unheard,
            # A client that leaves ends its request, as over gRPC.
            handler_cancellation=True,
            # It would unpack on the event loop, also what nobody reads any more.
            auto_decompress=False,
        )
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def stop(self, seconds: float) -> None:
        """Accepts nobody any more, and gives requests under way `seconds` to end."""
        if self._runner is None:
            self._socket.close()
            return
        stopping = asyncio.ensure_future(self._runner.cleanup())
        await asyncio.wait([stopping], timeout=seconds)
