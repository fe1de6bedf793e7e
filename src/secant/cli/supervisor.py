"""The supervisor of a command in a child process, which explains how that ends.

JAX's runtime ends a process with SIGABRT and a page of C++ if another process does not
come or no longer answers. The process itself can neither print a sentence nor choose an
exit code then, but its parent can. What the child's libraries write past Python goes
into a file, which the parent shows after a crash; `--debug` shows it at once.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from secant.cli.console import GlobalOptions, print_error
from secant.errors import InvalidInput, PeerLost

# The child's variable with its file descriptors: one that closes when the parent ends,
# one for `report_joined`, and the parent's standard output and error.
_VARIABLE = "SECANT_WATCHED"

_RESTART = "start all of them again; the first continues with --resume"

# The largest part of the libraries' output that is shown.
_MAX_OUTPUT_BYTES = 4_000


def is_supervised() -> bool:
    """Whether this process is the child of a supervisor."""
    return _VARIABLE in os.environ


def run_supervised(timeout_message: str) -> int:
    """Runs this same command in a child process.

    The child gets Ctrl-C and SIGTERM. If this process is killed, the child ends.

    Args:
        timeout_message: The error if the runtime ends the child before
            `report_joined`.

    Returns:
        The exit code for this process.
    """
    if os.name == "nt":
        raise InvalidInput(
            "--distributed needs Linux or macOS: JAX's processes cannot find each "
            "other on Windows"
        )
    alive, own_end = os.pipe()
    joined_reader, joined_writer = os.pipe()
    with tempfile.TemporaryFile() as output:
        streams = [os.dup(1), os.dup(2)]
        handles = [alive, joined_writer, *streams]
        debug = ["--debug"] if GlobalOptions.debug else []
        process = subprocess.Popen(
            [sys.executable, "-m", "secant", *sys.argv[1:], *debug],
            env={**os.environ, _VARIABLE: ",".join(map(str, handles))},
            stdout=None if debug else output,
            stderr=None if debug else output,
            pass_fds=handles,
        )
        for handle in handles:
            os.close(handle)

        def forward(number: int, frame: FrameType | None) -> None:
            with suppress(ProcessLookupError):
                process.send_signal(number)

        with _signals_handled_by(forward):
            code = process.wait()
        os.close(own_end)
        has_joined = os.read(joined_reader, 16) == b"joined"
        os.close(joined_reader)
        if code >= 0:
            return code
        name = signal.Signals(-code).name
        if name in ("SIGINT", "SIGTERM"):
            print_error(f"stopped by {'Ctrl-C' if name == 'SIGINT' else name}")
            return 128 - code
        if name == "SIGABRT":
            lost = "another process of this run is gone, or has not answered"
            print_error(f"{lost}: {_RESTART}" if has_joined else timeout_message)
            return PeerLost.exit_code
        if name != "SIGKILL":
            output.seek(0)
            text = output.read()[-_MAX_OUTPUT_BYTES:]
            sys.stderr.write(text.decode(errors="replace"))
        print_error(f"this process was ended by {name}: {_RESTART}")
        return PeerLost.exit_code


def attach_to_supervisor() -> None:
    """Connects the child to its parent: to its output, and to its end."""
    alive, _, out, err = map(int, os.environ[_VARIABLE].split(","))
    # These streams stay open until the process ends.
    sys.stdout = open(out, "w", buffering=1)  # noqa: SIM115
    sys.stderr = open(err, "w", buffering=1)  # noqa: SIM115

    def end_with_parent() -> None:
        os.read(alive, 1)  # returns when the parent has ended
        os._exit(128 + signal.SIGKILL)

    threading.Thread(target=end_with_parent, daemon=True).start()


def report_joined() -> None:
    """Tells the supervisor, if any, that all processes have joined."""
    if is_supervised():
        writer = int(os.environ[_VARIABLE].split(",")[1])
        os.write(writer, b"joined")
        os.close(writer)


@contextmanager
def default_signals() -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM end this process, while Python cannot handle them."""
    with _signals_handled_by(signal.SIG_DFL):
        yield


@contextmanager
def _signals_handled_by(handler: Any) -> Iterator[None]:
    """Gives Ctrl-C and SIGTERM to a handler; an ignored signal stays ignored."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    handled = [number for number in numbers if before[number] != signal.SIG_IGN]
    for number in handled:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number])
