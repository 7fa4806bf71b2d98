import ctypes
import time

import pytest

from serving.embedded import memory
from serving.embedded.memory import MemoryReturner

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc"
)


def test_memory_comes_back(monkeypatch):
    monkeypatch.setattr(memory, "_SECONDS_BETWEEN_LOOKS", 0.05)
    libc = ctypes.CDLL(None)
    libc.malloc.restype = libc.memset.restype = ctypes.c_void_p
    # What tests before have freed would be taken again, and nothing would grow.
    libc.malloc_trim(0)
    before = memory._resident()
    # Small blocks, with one above them that is kept: the allocator gives nothing back by itself.
    blocks = [libc.malloc(64 << 10) for _ in range(2000)]
    for block in blocks:
        libc.memset(ctypes.c_void_p(block), 1, 64 << 10)
    top = libc.malloc(64 << 10)
    for block in blocks:
        libc.free(ctypes.c_void_p(block))
    kept = memory._resident() - before
    assert kept > 100 << 20
    returner = MemoryReturner()
    monkeypatch.setattr(memory, "_GROWTH", -1)  # As if it had grown since the last look.
    returner.start()
    end = time.monotonic() + 10
    while memory._resident() - before > kept // 4:
        assert time.monotonic() < end
        time.sleep(0.02)
    returner.stop()
    libc.free(ctypes.c_void_p(top))
