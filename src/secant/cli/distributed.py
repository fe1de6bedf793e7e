"""`--distributed`: the options of a run of several processes, and what goes round."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

from secant.cli.console import GlobalOptions, print_error
from secant.cli.signals import exit_code, stop_requested
from secant.cli.train_options import DistributedOptions
from secant.errors import InvalidInput, PeerLost

if TYPE_CHECKING:
    from secant.training.distributed.process_group import ProcessGroup


# A command in a process of its own, watched: however that ends, this one says how.
#
# JAX's runtime ends a process with SIGABRT and a page of C++ where another process does
# not come or no longer answers. Nothing in that process can say it in a sentence or
# choose an exit code; the process that waits for it can. What its libraries write past
# Python goes into a file that is shown with `--debug`.

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
            [sys.executable, "-m", "secant", *sys.argv[1:], *debug],
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


def attach() -> None:
    """In the watched process: writes to where the other did, and ends when it does."""
    alive, _, out, err = map(int, os.environ[_WATCHED].split(","))
    # Not closed: they last as long as the process does.
    sys.stdout = open(out, "w", buffering=1)  # noqa: SIM115
    sys.stderr = open(err, "w", buffering=1)  # noqa: SIM115

    def look_after() -> None:
        os.read(alive, 1)  # returns when the other has ended
        os._exit(128 + signal.SIGKILL)

    threading.Thread(target=look_after, daemon=True).start()


def watched(options: DistributedOptions) -> DistributedOptions | None:
    """The options, in the process that does the work; None for one process alone.

    Raises:
        Exit: In the process that has watched the other.
        InvalidInput: An option came without `--distributed`.
    """
    if not options.distributed:
        for name in ("coordinator", "processes", "process_id"):
            if getattr(options, name) is not None:
                raise InvalidInput(
                    f"--{name.replace('_', '-')} came without --distributed: add that, "
                    "or leave it out"
                )
        return None
    if is_watched():
        return options
    where = options.coordinator or "the coordinator"
    absent = (
        f"the processes have not come together at {where} in time "
        f"({options.initialization_timeout} s): start all of them, each with the same "
        "--coordinator and --processes and a --process-id of its own, where that "
        "address can be reached"
    )
    raise typer.Exit(watch(absent))


@contextmanager
def together(
    options: DistributedOptions | None, resume: Path | None
) -> Iterator[tuple["ProcessGroup | None", Path | None]]:
    """The processes, and the folder of the run to go on with.

    Only process 0 needs that folder: the others are sent what says what the run is.

    Args:
        options: Where they find each other; None for this process alone.
        resume: The folder that was asked for, if one was.
    """
    if options is None:
        yield None, resume
        return
    from secant.training.distributed.rendezvous import Rendezvous, join

    rendezvous = Rendezvous.detect(
        options.coordinator,
        options.processes,
        options.process_id,
        initialization_timeout=options.initialization_timeout,
        heartbeat_timeout=options.heartbeat_timeout,
    )
    with ending_at_once():
        processes = join(
            rendezvous, stop=lambda: exit_code() - 128 if stop_requested() else 0
        )
    joined()
    try:
        with tempfile.TemporaryDirectory() as place, processes:
            yield processes, _sent(processes, resume, Path(place))
    finally:
        if processes.lost:
            # JAX's own end would wait for the one that is gone.
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(PeerLost.exit_code)


def _sent(processes: "ProcessGroup", resume: Path | None, place: Path) -> Path | None:
    from secant.training.run import MANIFEST_FILE
    from secant.training.run_folder import INITIAL_FILE

    going_on = processes.broadcast(b"resume" if resume else b"") == b"resume"
    if not going_on:
        if resume:
            raise InvalidInput(
                "process 0 begins a new run, and this one came with --resume: start "
                "all of them with it, or none"
            )
        return None
    for name in (MANIFEST_FILE, INITIAL_FILE):
        content = b""
        if processes.is_leader and resume:
            with suppress(OSError):  # said by whoever reads it next
                content = (resume / name).read_bytes()
        content = processes.broadcast(content)
        if not processes.is_leader:
            if not content:
                raise InvalidInput(f"process 0 has no {name} of a run to go on with")
            (place / name).write_bytes(content)
    return resume if processes.is_leader else place
