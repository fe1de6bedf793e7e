"""Freed memory goes back to the system."""

import ctypes
import subprocess
import sys
import threading
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import secant
from secant import freed_memory
from secant.freed_memory import limit_pools, return_freed_memory


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


CROWD = """
import ctypes, threading, xml.etree.ElementTree as tree
from secant import freed_memory
if {limited}:
    freed_memory.limit_pools()
ends = threading.Barrier(5)
def work():
    ctypes.CDLL(None).malloc(1000)
    ends.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
ends.wait()
c = ctypes.CDLL(None)
c.fopen.restype = ctypes.c_void_p
file = c.fopen(b"/dev/stdout", b"w")
c.malloc_info(0, ctypes.c_void_p(file))
c.fclose(ctypes.c_void_p(file))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="asks glibc")
def test_threads_share_two_pools():
    pools = [
        subprocess.run(
            [sys.executable, "-c", CROWD.format(limited=limited)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.count("<heap nr=")
        for limited in (False, True)
    ]
    assert pools[0] > 2 >= pools[1]


def test_freed_memory_is_returned_again_and_again(monkeypatch):
    returned, cleared = threading.Semaphore(0), []
    monkeypatch.setattr(freed_memory, "clear_traces", lambda: cleared.append(1))
    monkeypatch.setattr(freed_memory, "return_freed_memory", returned.release)
    ends = freed_memory.keep_freeing_memory(seconds=0.01)
    for _ in range(3):
        assert returned.acquire(timeout=60)
    ends.set()
    assert cleared


@pytest.mark.parametrize(
    "compiled",
    [
        lambda f: secant.check_gradient(f, np.ones(2)),
        lambda f: secant.derivative(f, 1.0, method="difference"),
    ],
    ids=["check", "derivative"],
)
def test_each_new_program_counts(monkeypatch, compiled):
    cleared = []
    monkeypatch.setattr(freed_memory, "PROGRAMS_PER_CLEARING", 1)
    monkeypatch.setattr(freed_memory, "clear_traces", lambda: cleared.append(1))
    compiled(lambda x: jnp.sin(x).sum())
    assert cleared


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda name: object())
    return_freed_memory()
    limit_pools()
