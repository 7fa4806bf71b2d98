import asyncio
import time

import grpc
import pytest

from serving.embedded.large_lane import LargeLane

LARGE, SMALL = bytes(1 << 20), b"small"


class Call:
    """A call whose message comes after `seconds`."""

    def __init__(self, peer, message, seconds=0.0):
        self._peer = peer
        self._message = message
        self._seconds = seconds
        self.reads = []

    def peer(self):
        return self._peer

    async def read(self):
        self.reads.append(time.monotonic())
        await asyncio.sleep(self._seconds)
        return self._message


def run(main):
    asyncio.run(asyncio.wait_for(main(), 10))


def test_messages_come_through():
    async def main():
        lane = LargeLane()
        for message in (SMALL, LARGE, LARGE, SMALL):
            assert await lane.read(Call("a", message)) == message
        assert await lane.read(Call("a", grpc.aio.EOF)) is None

    run(main)


def test_large_senders_take_turns_and_others_do_not_wait():
    async def main():
        lane = LargeLane()
        for peer in "abc":
            await lane.read(Call(peer, LARGE))
        calls = [Call(peer, LARGE, 0.1) for peer in "abc"]
        other = Call("other", SMALL)
        readings = [asyncio.create_task(lane.read(call)) for call in calls]
        await asyncio.sleep(0.01)
        started = time.monotonic()
        assert await lane.read(other) == SMALL
        assert time.monotonic() - started < 0.05
        await asyncio.gather(*readings)
        times = sorted(call.reads[0] for call in calls)
        # Each after the one before, and a rest.
        assert times[1] - times[0] >= 0.14 and times[2] - times[1] >= 0.14

    run(main)


def test_a_slow_sender_loses_its_turn_and_not_its_message():
    async def main():
        lane = LargeLane()
        for peer in "ab":
            await lane.read(Call(peer, LARGE))
        slow = asyncio.create_task(lane.read(Call("a", LARGE, 1.0)))
        await asyncio.sleep(0.01)
        started = time.monotonic()
        await lane.read(Call("b", SMALL))
        assert 0.2 < time.monotonic() - started < 0.8
        assert await slow == LARGE

    run(main)


def test_a_client_that_leaves_frees_the_turn():
    async def main():
        lane = LargeLane()
        await lane.read(Call("a", LARGE))
        waiting = asyncio.create_task(lane.read(Call("a", LARGE, 60.0)))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await lane.read(Call("a", SMALL)) == SMALL

    run(main)
