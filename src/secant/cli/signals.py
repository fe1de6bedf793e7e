"""Signals: the handling of Ctrl-C and SIGTERM in each part of a command.

Python raises a KeyboardInterrupt at an arbitrary point of the program. In a callback
of the garbage collector or of an import, Python prints the exception and ignores it.
NumPy turns it into a ValueError while it waits for a JAX array. During the saving of
a run it would lose the run. So each part of a command sets its own policy.
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


class SignalPolicy(Enum):
    """The effect of Ctrl-C and SIGTERM."""

    EXIT = "the program ends at once"
    RAISE = "raises KeyboardInterrupt once, for code that cleans up"
    DEFER = "`stop_requested` is true; a second signal raises KeyboardInterrupt"
    IGNORE = "`stop_requested` is true, and nothing else happens"


@dataclass
class _State:
    """The current policy and the last signal."""

    policy: SignalPolicy = SignalPolicy.EXIT
    stop_requested: bool = False
    signal: int = signal.SIGINT
    clean_up: Callable[[], object] | None = None


_state = _State()

# Only Python's own handlers are replaced.
_DEFAULTS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


def stop_requested() -> bool:
    """Whether a Ctrl-C or a SIGTERM has arrived."""
    return _state.stop_requested


def exit_code() -> int:
    """The exit code of an interrupted command: 128 plus the signal, as in shells."""
    return 128 + _state.signal


def signal_name() -> str:
    """The name of the last signal: `Ctrl-C` or `SIGTERM`."""
    return "Ctrl-C" if _state.signal == signal.SIGINT else "SIGTERM"


def request_stop(signal_number: int) -> None:
    """Record a signal that another process of the same run received."""
    _state.stop_requested, _state.signal = True, signal_number


def suppress_signals() -> None:
    """Ignore signals until the current `signal_policy` block ends."""
    _state.policy = SignalPolicy.IGNORE


@contextmanager
def signal_policy(
    policy: SignalPolicy, *, clean_up: Callable[[], object] | None = None
) -> Iterator[None]:
    """Apply a policy to Ctrl-C and SIGTERM within the block.

    Args:
        policy: The policy.
        clean_up: Called before the program ends with `EXIT`.
    """
    before = _state.policy, _state.clean_up
    _state.policy, _state.clean_up = policy, clean_up
    try:
        yield
    finally:
        _state.policy, _state.clean_up = before


@contextmanager
def signal_handlers() -> Iterator[None]:
    """Replace Python's handlers of Ctrl-C and SIGTERM within the block.

    An ignored signal (`nohup`, a job in the background) stays ignored.
    """
    _state.policy, _state.stop_requested = SignalPolicy.EXIT, False
    _state.clean_up = None
    before = {number: signal.getsignal(number) for number in _DEFAULTS}
    if threading.current_thread() is not threading.main_thread():
        before = {}
    replaced = {n: handler for n, handler in before.items() if handler is _DEFAULTS[n]}
    for number in replaced:
        signal.signal(number, _handle)
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)


def _handle(signal_number: int, frame: FrameType | None) -> None:
    repeated = _state.stop_requested
    _state.stop_requested, _state.signal = True, signal_number
    policy = _state.policy
    if policy is SignalPolicy.RAISE or (policy is SignalPolicy.DEFER and repeated):
        suppress_signals()
        raise KeyboardInterrupt
    if policy is SignalPolicy.EXIT:
        if _state.clean_up is not None:
            with suppress(OSError):
                _state.clean_up()
        with suppress(OSError, ValueError, RuntimeError):
            sys.stdout.flush()
        with suppress(OSError):
            os.write(2, f"\nstopped by {signal_name()}\n".encode())
        # An import or a destructor could swallow an exception.
        os._exit(exit_code())
