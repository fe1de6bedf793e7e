"""A command in a process of its own, watched: however that ends, this one says how.

JAX's runtime ends a process with SIGABRT and a page of C++ where another process does
not come or no longer answers. Nothing in that process can say it in a sentence or
choose an exit code; whoever waits for it can. What its libraries write past Python goes
into a file that is shown with `--debug`.
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

_WATCHED = "SECANT_WATCHED"

_AGAIN = "start all of them again; the first goes on with --resume"

# What is written of what libraries have said, at most.
_LONGEST = 4_000


def is_watched() -> bool:
    """Whether this is the process that is watched."""
    return _WATCHED in os.environ


def watch(absent: str) -> int:
    """Does this very command in another process; returns the exit code to end with.

    Ctrl-C and SIGTERM are passed on. Where this process is killed, the other ends.

    Args:
        absent: What to say where its runtime has ended it before it said `joined`.
    """
    if os.name == "nt":
        raise InvalidInput(
            "--distributed needs Linux or macOS: JAX's processes cannot find each "
            "other on Windows"
        )
    alive, ours = os.pipe()
    said, says = os.pipe()
    with tempfile.TemporaryFile() as noise:
        real = [os.dup(1), os.dup(2)]
        handles = [alive, says, *real]
        debug = ["--debug"] if GlobalOptions.debug else []
        process = subprocess.Popen(
            [sys.executable, "-m", "secant.cli.watched", *sys.argv[1:], *debug],
            env={**os.environ, _WATCHED: ",".join(map(str, handles))},
            stdout=None if debug else noise,
            stderr=None if debug else noise,
            pass_fds=handles,
        )
        for handle in handles:
            os.close(handle)

        def pass_on(number: int, frame: FrameType | None) -> None:
            with suppress(ProcessLookupError):
                process.send_signal(number)

        with _heard_by(pass_on):
            code = process.wait()
        os.close(ours)
        joined = os.read(said, 16) == b"joined"
        os.close(said)
        if code >= 0:
            return code
        name = signal.Signals(-code).name
        if name in ("SIGINT", "SIGTERM"):
            print_error(f"stopped by {'Ctrl-C' if name == 'SIGINT' else name}")
            return 128 - code
        if name == "SIGABRT":
            gone = "another process of this run is gone, or has not answered"
            print_error(f"{gone}: {_AGAIN}" if joined else absent)
            return PeerLost.exit_code
        if name != "SIGKILL":
            noise.seek(0)
            sys.stderr.write(noise.read()[-_LONGEST:].decode(errors="replace"))
        print_error(f"this process was ended by {name}: {_AGAIN}")
        return PeerLost.exit_code


def joined() -> None:
    """Says, where this is watched, that all processes have found each other."""
    if is_watched():
        says = int(os.environ[_WATCHED].split(",")[1])
        os.write(says, b"joined")
        os.close(says)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM end this process, while Python cannot hear of them."""
    with _heard_by(signal.SIG_DFL):
        yield


@contextmanager
def _heard_by(handler: Any) -> Iterator[None]:
    """Gives Ctrl-C and SIGTERM to a handler; what is ignored stays ignored."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    heard = [number for number in numbers if before[number] != signal.SIG_IGN]
    for number in heard:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


def _main() -> None:
    """The watched process: writes to where the other did, ends when that one does."""
    alive, _, out, err = map(int, os.environ[_WATCHED].split(","))
    # Not closed: they last as long as the process does.
    sys.stdout = open(out, "w", buffering=1)  # noqa: SIM115
    sys.stderr = open(err, "w", buffering=1)  # noqa: SIM115

    def look_after() -> None:
        os.read(alive, 1)  # returns when the other has ended
        os._exit(128 + signal.SIGKILL)

    threading.Thread(target=look_after, daemon=True).start()

    from secant.cli.main import main

    main()


if __name__ == "__main__":
    _main()
