"""`secant train --distributed` with several real processes."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

# Long enough for a busy machine.
PATIENCE = 300

SMALL = ("--data", "sample", "--hidden", "8", "--init", "xavier", "--batch-size", "20")


def free_port():
    """A free port."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Peer:
    """A process of a run, with its output.

    Attributes:
        guard: The process that was started; it watches the one that trains.
    """

    def __init__(self, place: Path, index, *options, prefix=(), env=None):
        place.mkdir(exist_ok=True)
        self.said = place / f"said-{index}"
        environment = {**os.environ, "COLUMNS": "300", **(env or {})}
        with self.said.open("wb") as said:
            self.guard = subprocess.Popen(
                [*prefix, sys.executable, "-m", "secant", "train", *map(str, options)],
                cwd=place,
                env=environment,
                stdout=said,
                stderr=said,
            )

    @property
    def text(self):
        """Its whole output."""
        return self.said.read_text(errors="replace")

    @property
    def trainer(self):
        """The number of the process that trains."""

        def child():
            guard = self.guard.pid
            path = Path(f"/proc/{guard}/task/{guard}/children")
            return path.read_text().split() if path.exists() else []

        until(child, self)
        return int(child()[0])

    def code(self, patience=PATIENCE):
        """Its exit code, once it has ended."""
        return self.guard.wait(patience)

    def end(self):
        """Kills it."""
        if self.guard.poll() is None:
            for number in (self.trainer, self.guard.pid):
                os.kill(number, 9)
            self.guard.wait()


def until(condition, *peers, patience=PATIENCE):
    """Waits for a condition, and fails if one of the processes ends."""
    give_up = time.monotonic() + patience
    while not condition():
        for peer in peers:
            assert peer.guard.poll() is None, peer.text
        assert time.monotonic() < give_up, [peer.text for peer in peers]
        time.sleep(0.05)


def distributed(port, index, processes=2, host="127.0.0.1"):
    """The options that identify a process."""
    return (
        "--distributed",
        *("--coordinator", f"{host}:{port}"),
        *("--processes", processes),
        *("--process-id", index),
    )


def listeners(process):
    """The addresses, in hexadecimal as /proc has them, at which a process listens."""
    handles = []
    for handle in Path(f"/proc/{process}/fd").iterdir():
        try:
            handles.append(os.readlink(handle))
        except OSError:  # closed just now
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and f"socket:[{inode}]" in handles:
                found.add(tuple(local.split(":")))
    return found
