"""The page's HTTP server."""

import asyncio
import logging
import threading
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

# Where aiohttp writes a traceback for every request that is no HTTP. What goes wrong in an answer,
# the application says itself.
_NOWHERE = logging.getLogger("serving.demo.http")
_NOWHERE.disabled = True


class DemoServer:
    """Serves an application from an event loop in a thread of its own.

    Args:
      application: What it serves.
      host: The interface.
      port: The port; 0 takes a free one.
    """

    def __init__(self, application: web.Application, host: str, port: int):
        self._runner = web.AppRunner(
            application,
            access_log=None,
            logger=_NOWHERE,
            shutdown_timeout=2.0,
            # No page sends packed bodies, which may be anything once unpacked.
            auto_decompress=False,
        )
        self._host = host
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="page", daemon=True)

    @property
    def url(self) -> str:
        """Where the page is, once it is started."""
        host = {"0.0.0.0": "localhost", "::": "localhost"}.get(self._host, self._host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}/"

    def start(self) -> None:
        """Listens.

        Raises:
          OSError: If it cannot, as another program has the port.
        """
        self._thread.start()
        try:
            self._wait_for(self._start())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops, once what is under way has been answered, or after a few seconds."""
        self._wait_for(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        await self._runner.cleanup()
        # Of files that are not taken, what still arrives is waited for longer than this.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _wait_for(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
