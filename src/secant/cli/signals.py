"""Ctrl-C and SIGTERM: when they are heard, and what they end.

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


class Hear(Enum):
    """When a Ctrl-C is heard."""

    AT_ONCE = "the program ends, there and then"
    RAISED = "as a KeyboardInterrupt, once, for those who clean up behind them"
    WHEN_ASKED = "`asked` tells; whoever insists with a second one gets RAISED"
    NEVER = "`asked` tells, and nothing else happens"


@dataclass
class _State:
    """What holds at the moment."""

    hear: Hear = Hear.AT_ONCE
    asked: bool = False
    signal: int = signal.SIGINT
    clean_up: Callable[[], object] | None = None


_now = _State()

# Which handlers are Python's own, to be taken over.
_USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


def asked() -> bool:
    """Whether somebody has pressed Ctrl-C, or sent SIGTERM."""
    return _now.asked


def exit_code() -> int:
    """What an interrupted command ends with: 128 and the signal, as shells have it."""
    return 128 + _now.signal


def by() -> str:
    """What has interrupted: `Ctrl-C` or `SIGTERM`."""
    return "Ctrl-C" if _now.signal == signal.SIGINT else "SIGTERM"


def ask(signal_number: int) -> None:
    """As if this signal had come: another process of the same run has had it."""
    _now.asked, _now.signal = True, signal_number


def hush() -> None:
    """Hears nothing any more until this `hearing` ends: the rest is soon done."""
    _now.hear = Hear.NEVER


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
    """Takes Ctrl-C and SIGTERM over from Python, and gives them back.

    Where one is ignored (`nohup`, a job in the background) it stays ignored.
    """
    _now.hear, _now.asked, _now.clean_up = Hear.AT_ONCE, False, None
    before = {number: signal.getsignal(number) for number in _USUAL}
    if threading.current_thread() is not threading.main_thread():
        before = {}
    ours = {n: handler for n, handler in before.items() if handler is _USUAL[n]}
    for number in ours:
        signal.signal(number, _heard)
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)


def _heard(signal_number: int, frame: FrameType | None) -> None:
    insisted, _now.asked, _now.signal = _now.asked, True, signal_number
    if _now.hear is Hear.RAISED or (_now.hear is Hear.WHEN_ASKED and insisted):
        hush()
        raise KeyboardInterrupt
    if _now.hear is Hear.AT_ONCE:
        if _now.clean_up is not None:
            with suppress(OSError):
                _now.clean_up()
        with suppress(OSError, ValueError, RuntimeError):
            sys.stdout.flush()
        with suppress(OSError):
            os.write(2, f"\nstopped by {by()}\n".encode())
        # No exception, which an import or a destructor might swallow.
        os._exit(exit_code())
