"""Memory of compilations, freed and returned to the system.

JAX keeps what it has traced of the functions of `jax.numpy`, for each shape and some of
it without any limit: about five megabytes for each new network.

A compilation takes hundreds of megabytes for a moment. The C library of most Linux
systems, glibc, keeps much of that in pools, eight for each core, one of which each
thread uses.

Source: malloc_trim(3), mallopt(3).
"""

import ctypes
import sys
import threading
from contextlib import suppress
from itertools import count

from secant.compat import clear_traces

PROGRAMS_PER_CLEARING = 64
"""After so many new programs of Secant the traces that JAX keeps are freed."""

_MOST_POOLS = 2

# Larger blocks come from the system one by one, and go back one by one. Without this,
# glibc raises the size with each such block that is freed, up to 32 MiB.
_POOLED_BYTES = 2**18

# Names of <malloc.h>.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8


_programs = count(1)


def count_program() -> None:
    """Counts a new program of Secant, and frees traces from time to time.

    The compiled programs of others stay: see `secant.compat.clear_traces`.
    """
    if next(_programs) % PROGRAMS_PER_CLEARING == 0:
        clear_traces()
        return_freed_memory()


def return_freed_memory() -> None:
    """Returns what the C library keeps of freed memory; nothing without glibc."""
    _call_glibc("malloc_trim", 0)


def limit_pools() -> None:
    """Has the C library keep less of freed memory, for a program whose process it is.

    Call it before other threads start.
    """
    _call_glibc("mallopt", _M_ARENA_MAX, _MOST_POOLS)
    _call_glibc("mallopt", _M_MMAP_THRESHOLD, _POOLED_BYTES)


def keep_freeing_memory(seconds: float = 10.0) -> threading.Event:
    """Starts a thread that frees traces and returns memory every few seconds.

    Returns:
        An event that ends the thread.
    """
    ends = threading.Event()

    def run() -> None:
        while not ends.wait(seconds):
            if "jax" in sys.modules:
                clear_traces()
            return_freed_memory()

    threading.Thread(target=run, name="frees-memory", daemon=True).start()
    return ends


def _call_glibc(function: str, *numbers: int) -> None:
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library, such as musl
            getattr(ctypes.CDLL(None), function)(*numbers)
