"""A real PostgreSQL of one's own, and `secant sweep` in processes of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason='needs pip install "secant[sweep]"')

# A machine at work on other things, too.
PATIENCE = 400.0

PASSWORD = "not-to-be-seen-7Q"


def until(true, what, patience=PATIENCE):
    """Waits for something."""
    ends = time.monotonic() + patience
    while not (found := true()):
        assert time.monotonic() < ends, f"it never came: {what}"
        time.sleep(0.02)
    return found


@pytest.fixture
def wait_until():
    """Waits until a function returns something true; gives that."""
    return until


@dataclass
class Server:
    """A cluster of PostgreSQL in a folder of its own."""

    programs: Path
    folder: Path
    port: int

    @property
    def url(self):
        return f"postgresql://ada:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def call(self, program, *arguments):
        command = [str(self.programs / program), *arguments]
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(
            command, check=True, cwd="/", capture_output=True, timeout=PATIENCE
        )

    def start(self):
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder} -c fsync=off"
        self.call(
            *("pg_ctl", "-D", f"{self.folder}/data", "-w", "-l"),
            *(f"{self.folder}/log", "-o", options, "start"),
        )

    def start_again(self):
        """Starts after a kill: until its old processes have noticed it, they refuse."""

        def started():
            try:
                self.start()
            except subprocess.CalledProcessError:
                return False
            return True

        until(started, "a server that starts after a kill")

    def stop(self, how="immediate"):
        """`fast` ends transactions, `immediate` is as in a power cut.

        `kill` kills the server's first process, and its others find that out.
        """
        if how != "kill":
            self.call("pg_ctl", "-D", f"{self.folder}/data", "-m", how, "-w", "stop")
            return
        process = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        os.kill(process, signal.SIGKILL)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    if os.geteuid() == 0 and not shutil.which("runuser"):
        pytest.skip("needs runuser, to start PostgreSQL as somebody else than root")
    return found[-1].parent


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    """A new PostgreSQL on a free port; none that is there already is touched."""
    pytest.importorskip("psycopg", reason='needs pip install "secant[sweep]"')
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="secant-pg-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(programs, folder, port)
    try:
        password = folder / "password"
        password.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (folder, password):
                shutil.chown(path, "postgres", "postgres")
        server.call(
            *("initdb", "-D", f"{folder}/data", "-U", "ada", "-A", "scram-sha-256"),
            *(f"--pwfile={password}", "-N"),
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Worker:
    """`secant sweep` in a process of its own; what it says is kept."""

    def __init__(self, folder, *arguments):
        folder.mkdir(exist_ok=True)
        self.folder, self._log = folder, folder.with_suffix(".log")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "secant", "sweep", *map(str, arguments)],
                cwd=folder,
                stdout=log,
                stderr=log,
                env={**os.environ, "COLUMNS": "200"},
            )

    @property
    def said(self):
        return self._log.read_text(errors="replace")

    def until(self, true, what):
        def found():
            answer = true()
            assert answer or self.process.poll() is None, self.said
            return answer

        return until(found, what)

    def ends(self, code=0):
        assert self.process.wait(PATIENCE) == code, self.said
        assert "Traceback" not in self.said, self.said
        return self.said

    def signal_during(self, sent, true, what):
        """Sends a signal while something is true, which the process could outrun."""
        while True:
            self.until(true, what)
            self.process.send_signal(signal.SIGSTOP)
            if answer := true():
                self.process.send_signal(sent)
            self.process.send_signal(signal.SIGCONT)
            if answer:
                return answer

    def kill_during(self, true, what):
        answer = self.signal_during(signal.SIGKILL, true, what)
        self.process.wait(PATIENCE)
        return answer

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)


@pytest.fixture
def worker() -> Iterator[type]:
    """Starts workers, which end with the test."""
    begun = []

    def start(*arguments):
        begun.append(Worker(*arguments))
        return begun[-1]

    yield start
    for each in begun:
        if each.process.poll() is None:
            each.kill()
