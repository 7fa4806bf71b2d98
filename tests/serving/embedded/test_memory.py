"""What is free goes back to the system."""

import ctypes
import subprocess
import sys

import pytest

from tests.source_imports import ROOT

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc"
)

# In a process of its own: where others have freed memory, it is taken again, and nothing grows.
COMES_BACK = """
import ctypes
import time

from serving.embedded import memory

memory._SECONDS_BETWEEN_LOOKS = 0.02
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.memset.restype = ctypes.c_void_p
before = memory._resident()
# Small blocks, with one above them that is kept: the allocator gives nothing back by itself.
blocks = [libc.malloc(64 << 10) for _ in range(2000)]
for block in blocks:
    libc.memset(ctypes.c_void_p(block), 1, 64 << 10)
top = libc.malloc(64 << 10)
for block in blocks:
    libc.free(ctypes.c_void_p(block))
kept = memory._resident() - before
assert kept > 100 << 20, kept
returner = memory.MemoryReturner()
memory._GROWTH = -1  # As if it had grown since the last look.
returner.start()
end = time.monotonic() + 10
while memory._resident() - before > kept // 4:
    assert time.monotonic() < end, memory._resident() - before
    time.sleep(0.02)
returner.stop()
"""


def test_memory_comes_back():
    done = subprocess.run(
        [sys.executable, "-c", COMES_BACK], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
