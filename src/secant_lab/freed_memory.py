"""Freed memory, returned to the system."""

import ctypes
import sys
from contextlib import suppress


def return_freed_memory() -> None:
    """Returns what the C library keeps of freed memory; nothing without glibc.

    A compilation takes hundreds of megabytes for a moment. glibc keeps much of that in
    each thread's arena, and the lab has many threads.

    Source: malloc_trim(3).
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library, such as musl
            ctypes.CDLL(None).malloc_trim(0)
