"""Ctrl-C: when it is heard, and what it ends.

Python raises a KeyboardInterrupt wherever the program happens to be. In a callback
of the garbage collector or of an import that is printed and forgotten; NumPy, while
it waits for an array of JAX's, makes a ValueError of it; while a run is being saved
it would lose the run. So each part of a command says when it wants to hear.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from types import FrameType

EXIT_CODE = 130
"""128 + SIGINT, as shells have it."""


class Hear(Enum):
    """When a Ctrl-C is heard."""

    AT_ONCE = "the program ends, there and then"
    RAISED = "as a KeyboardInterrupt, for those who clean up behind them"
    WHEN_ASKED = "`asked` tells; whoever insists with a second one gets RAISED"
    NEVER = "`asked` tells, and nothing else happens"


@dataclass
class _State:
    """What holds at the moment."""

    hear: Hear = Hear.AT_ONCE
    asked: bool = False
    clean_up: Callable[[], object] | None = None


_now = _State()


def asked() -> bool:
    """Whether somebody has pressed Ctrl-C."""
    return _now.asked


@contextmanager
def hearing(
    when: Hear, *, clean_up: Callable[[], object] | None = None
) -> Iterator[None]:
    """Hears Ctrl-C so, for as long as this lasts.

    Args:
        when: When it is heard.
        clean_up: Called before the program ends, with `AT_ONCE`.
    """
    before = _now.hear, _now.clean_up
    _now.hear, _now.clean_up = when, clean_up
    try:
        yield
    finally:
        _now.hear, _now.clean_up = before


@contextmanager
def listening() -> Iterator[None]:
    """Takes Ctrl-C over from Python, and gives it back.

    Where it is ignored (`nohup`, a job in the background) it stays ignored.
    """
    _now.hear, _now.asked, _now.clean_up = Hear.AT_ONCE, False, None
    before = signal.getsignal(signal.SIGINT)
    ours = (
        before is signal.default_int_handler
        and threading.current_thread() is threading.main_thread()
    )
    if ours:
        signal.signal(signal.SIGINT, _heard)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)


def _heard(signal_number: int, frame: FrameType | None) -> None:
    insisted, _now.asked = _now.asked, True
    if _now.hear is Hear.RAISED or (_now.hear is Hear.WHEN_ASKED and insisted):
        raise KeyboardInterrupt
    if _now.hear is Hear.AT_ONCE:
        if _now.clean_up is not None:
            with suppress(OSError):
                _now.clean_up()
        with suppress(OSError, ValueError, RuntimeError):
            sys.stdout.flush()
        with suppress(OSError):
            os.write(2, b"\nstopped by Ctrl-C\n")
        # No exception, which an import or a destructor might swallow.
        os._exit(EXIT_CODE)
