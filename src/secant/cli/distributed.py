"""`--distributed`: a command as one of several processes that train together."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from secant.cli.signals import exit_code, stop_requested
from secant.cli.supervisor import (
    default_signals,
    is_supervised,
    report_joined,
    run_supervised,
)
from secant.cli.train_options import DistributedOptions
from secant.errors import InvalidInput, PeerLost

if TYPE_CHECKING:
    from secant.training.distributed.process_group import ProcessGroup


def supervise(options: DistributedOptions) -> DistributedOptions | None:
    """The options in the process that trains; None without `--distributed`.

    Raises:
        Exit: In the supervisor, after its child has ended.
        InvalidInput: An option was passed without `--distributed`.
    """
    if not options.distributed:
        for name in ("coordinator", "processes", "process_id"):
            if getattr(options, name) is not None:
                raise InvalidInput(
                    f"--{name.replace('_', '-')} needs --distributed: add that, or "
                    "remove this"
                )
        return None
    if is_supervised():
        return options
    address = options.coordinator or "the coordinator"
    raise typer.Exit(
        run_supervised(
            f"not all processes joined at {address} in time "
            f"({options.initialization_timeout} s): start all of them, each with the "
            "same --coordinator and --processes and its own --process-id, on machines "
            "that can reach that address"
        )
    )


@contextmanager
def join_processes(
    options: DistributedOptions | None, resume: Path | None
) -> Iterator[tuple["ProcessGroup | None", Path | None]]:
    """The group of processes, and the folder of the run to continue.

    Only process 0 needs that folder. The others get the files that define the run, in
    a temporary folder.

    Args:
        options: The options of the rendezvous; None for this process alone.
        resume: The folder of `--resume`, if any.
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
    with default_signals():
        processes = join(
            rendezvous, stop=lambda: exit_code() - 128 if stop_requested() else 0
        )
    report_joined()
    try:
        with tempfile.TemporaryDirectory() as folder, processes:
            yield processes, _share_run(processes, resume, Path(folder))
    finally:
        if processes.lost:
            # A normal exit would let JAX wait for the process that is gone.
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(PeerLost.exit_code)


def _share_run(
    processes: "ProcessGroup", resume: Path | None, folder: Path
) -> Path | None:
    """Sends the files that define process 0's run; returns the folder that has them.

    Args:
        processes: The processes.
        resume: The folder of `--resume` on this process, if any.
        folder: A folder for the files, on processes other than 0.
    """
    from secant.training.run_folder import INITIAL_FILE, MANIFEST_FILE

    is_resumed = processes.broadcast(b"resume" if resume else b"") == b"resume"
    if not is_resumed:
        if resume:
            raise InvalidInput(
                "process 0 begins a new run, but this process got --resume: pass "
                "--resume to all of them, or to none"
            )
        return None
    for name in (MANIFEST_FILE, INITIAL_FILE):
        content = b""
        if processes.is_leader and resume:
            with suppress(OSError):  # the next reader of the file reports the error
                content = (resume / name).read_bytes()
        content = processes.broadcast(content)
        if not processes.is_leader:
            if not content:
                raise InvalidInput(f"process 0 has no {name} of a run to continue")
            (folder / name).write_bytes(content)
    return resume if processes.is_leader else folder
