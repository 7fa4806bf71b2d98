"""Lets connections that send large messages take turns."""

import asyncio
import collections
import time

import grpc

# What a connection must have sent to be asked to queue, and for how long it then is.
_LARGE = 256 << 10
_SECONDS_REMEMBERED = 10.0
_MOST_REMEMBERED = 4096
# The most that one connection holds its turn by sending slowly, and the most that it rests.
_SLOW_SECONDS = 0.25
_REST_SECONDS = 0.05


class LargeLane:
    """Reads calls' messages; large ones, by their connections, one at a time.

    A message becomes a Python object on the event loop, whatever becomes of it, and nothing says
    before how large it is. So a connection that has sent a large one waits for its turn with the
    next, and after each the loop has as much time for everybody else. Connections that send small
    messages never wait.
    """

    def __init__(self) -> None:
        """Nobody is known yet."""
        self._turn = asyncio.Lock()
        # When a connection sent its last large message, the longest ago first.
        self._senders: collections.OrderedDict[str, float] = collections.OrderedDict()

    async def read(self, context: grpc.aio.ServicerContext) -> bytes | None:
        """The next message of a call; None if its client sends none."""
        peer = context.peer()
        if self._has_sent_much(peer):
            async with self._turn:
                reading = asyncio.ensure_future(context.read())
                started = time.monotonic()
                try:
                    await asyncio.wait({reading}, timeout=_SLOW_SECONDS)
                    await asyncio.sleep(min(_REST_SECONDS, time.monotonic() - started))
                except asyncio.CancelledError:
                    reading.cancel()
                    raise
            raw = await reading
        else:
            raw = await context.read()
        if raw is grpc.aio.EOF:
            return None
        if len(raw) > _LARGE:
            self._remember(peer)
        return raw

    def _has_sent_much(self, peer: str) -> bool:
        sent = self._senders.get(peer)
        return sent is not None and time.monotonic() - sent < _SECONDS_REMEMBERED

    def _remember(self, peer: str) -> None:
        self._senders[peer] = time.monotonic()
        self._senders.move_to_end(peer)
        if len(self._senders) > _MOST_REMEMBERED:
            self._senders.popitem(last=False)
