"""Freed memory goes back to the system."""

import ctypes
import sys
import threading
from pathlib import Path

import pytest

from secant_lab import freed_memory
from secant_lab.freed_memory import return_freed_memory


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in /proc")
def test_what_a_thread_has_freed_goes_back():
    malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
    malloc.restype, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    ends, freed = threading.Event(), threading.Event()

    def hold():
        # Below the size that glibc gets from the system one by one.
        blocks = [malloc(50_000) for _ in range(1000)]
        for block in blocks:
            ctypes.memset(block, 1, 50_000)
        for block in blocks[:-1]:  # the last one keeps the top of the arena
            free(block)
        freed.set()
        ends.wait(60)
        free(blocks[-1])

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert freed.wait(60)
        before = resident()
        return_freed_memory()
        assert before - resident() > 30_000_000
    finally:
        ends.set()
        thread.join()


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda name: object())
    return_freed_memory()
