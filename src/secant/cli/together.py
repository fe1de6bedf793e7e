"""`--distributed`: the options of a run of several processes, and what goes round."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from secant.cli.interrupts import exit_code, stop_requested
from secant.cli.watched import ending_at_once, is_watched, joined, watch
from secant.errors import InvalidInput, PeerLost

if TYPE_CHECKING:
    from secant.training.distributed.processes import Processes


@dataclass(frozen=True)
class Asked:
    """What the command line says of the processes; None: to be found.

    Attributes:
        coordinator: `HOST:PORT`.
        processes: How many.
        process_id: Which this is.
        initialization_timeout: Seconds that all have to come.
        heartbeat_timeout: Seconds after which a silent one counts as gone.
    """

    coordinator: str | None
    processes: int | None
    process_id: int | None
    initialization_timeout: int
    heartbeat_timeout: int


def watched(distributed: bool, options: Asked) -> Asked | None:
    """The options, in the process that does the work; None for one process alone.

    Raises:
        Exit: In the process that has watched the other.
        InvalidInput: An option came without `--distributed`.
    """
    if not distributed:
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
    options: Asked | None, resume: Path | None
) -> Iterator[tuple["Processes | None", Path | None]]:
    """The processes, and the folder of the run to go on with.

    Only process 0 needs that folder: the others are sent what says what the run is.

    Args:
        options: Where they find each other; None for this process alone.
        resume: The folder that was asked for, if one was.
    """
    if options is None:
        yield None, resume
        return
    from secant.training.distributed.joining import Meeting, join

    meeting = Meeting.found(
        options.coordinator,
        options.processes,
        options.process_id,
        initialization_timeout=options.initialization_timeout,
        heartbeat_timeout=options.heartbeat_timeout,
    )
    with ending_at_once():
        processes = join(
            meeting, stop=lambda: exit_code() - 128 if stop_requested() else 0
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


def _sent(processes: "Processes", resume: Path | None, place: Path) -> Path | None:
    from secant.training.keeping import INITIAL_FILE
    from secant.training.manifest import FILE

    going_on = processes.shared(b"resume" if resume else b"") == b"resume"
    if not going_on:
        if resume:
            raise InvalidInput(
                "process 0 begins a new run, and this one came with --resume: start "
                "all of them with it, or none"
            )
        return None
    for name in (FILE, INITIAL_FILE):
        content = b""
        if processes.leads and resume:
            with suppress(OSError):  # said by whoever reads it next
                content = (resume / name).read_bytes()
        content = processes.shared(content)
        if not processes.leads:
            if not content:
                raise InvalidInput(f"process 0 has no {name} of a run to go on with")
            (place / name).write_bytes(content)
    return resume if processes.leads else place
