"""A process that dies at a chosen moment, which may be one within a write.

The processes are forked from one that has imported Secant and computed nothing. Each
counts its events: the changes of files in a folder, and the changes of a database. It
dies before the event of a chosen number, or within one of the next writes, of which
the system lets only some bytes through. Or it stops there and waits to be killed.
"""

import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import forkserver, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

PATIENCE = 600.0
"""The seconds after which something that should end counts as stuck."""

_CHANGES = {
    *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"),
    *("os.link", "os.symlink", "os.chmod", "os.utime"),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_SQL = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER")


class Death(NamedTuple):
    """When a process dies.

    Attributes:
        how: `event`: before an event; `write`: within a write after an event; `beside`:
            it stops before an event, and is killed after a second process was tried;
            `moment`: after some seconds; `never`.
        event: The number of the event, from 1.
        size: The bytes of a file that can still be written, for `write`.
        seconds: For `moment`.
    """

    how: str = "never"
    event: int = 0
    size: int = 0
    seconds: float = 0.0


NEVER = Death()


def draw_death(draw: Any, events: int, life: float, hows: tuple[str, ...]) -> Death:
    """A death at random.

    Args:
        draw: The generator of random numbers.
        events: The number of events that the process will have, about. A quarter of the
            events are among the first, and a quarter among the last, where files of
            other kinds are written.
        life: The seconds that it will live, about.
        hows: The ways to die.
    """
    how = str(draw.choice(hows))
    few = min(24, events)
    low, high = [(1, few), (1, events), (1, events), (events - few + 1, events)][
        draw.integers(4)
    ]
    return Death(
        how,
        int(draw.integers(low, high + 1)),
        int(10 ** draw.uniform(0, 3.5)),
        float(draw.uniform(0, life)),
    )


class _Events:
    """Counts the events of this process, and ends it at one of them."""

    def __init__(self, watched: str, death: Death, mark: Path) -> None:
        self.count = 0
        self._watched, self._death, self._mark = watched, death, mark
        self._over = False
        self._sync = os.fsync

    def listen(self) -> None:
        # Python ignores this signal. By default it ends a process within a write.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.addaudithook(self._hear)
        os.fsync = self._fsync
        if find_spec("sqlalchemy"):
            from sqlalchemy import event
            from sqlalchemy.engine import Engine

            event.listen(Engine, "before_cursor_execute", self._execute)
            event.listen(Engine, "commit", lambda connection: self._happen())

    def _hear(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "open":
            path, _, flags = arguments
            if not (isinstance(flags, int) and flags & _WRITING):
                return
        elif name in _CHANGES:
            path = arguments[0]
        else:
            return
        if self._over or not isinstance(path, str | os.PathLike):
            return
        path = os.path.abspath(path)
        if path == self._watched or path.startswith(self._watched + os.sep):
            self._happen()

    def _fsync(self, handle: int) -> None:
        self._happen()
        self._sync(handle)

    def _execute(self, *arguments: Any) -> None:
        if arguments[2].lstrip().upper().startswith(_SQL):
            self._happen()

    def _happen(self) -> None:
        if self._over:
            return
        self.count += 1
        if self.count != self._death.event:
            return
        if self._death.how == "event":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self._death.how == "write":
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self._death.size, hard))
        elif self._death.how == "beside":
            self._over = True
            self._mark.touch()
            os.kill(os.getpid(), signal.SIGSTOP)

    def close(self) -> None:
        self._over = True


def _live(
    work: Callable[..., object],
    arguments: tuple[Any, ...],
    watched: Path,
    files: Path,
    death: Death,
    compiled: Path,
    keep: bool,
) -> None:
    """The program of a process."""
    import warnings

    import jax

    said = os.open(files.with_suffix(".said"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.chdir(files.parent)
    jax.config.update("jax_compilation_cache_dir", str(compiled))
    # One that may be killed puts none there: half a program is no use to others.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0 if keep else 1e9)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    warnings.simplefilter("ignore")
    events = _Events(str(watched.absolute()), death, files.with_suffix(".stopped"))
    if death.how != "moment":
        events.listen()
    try:
        work(*arguments)
    finally:
        events.close()
        if death == NEVER:
            files.with_suffix(".events").write_text(str(events.count))


class Life:
    """A process, from its start on.

    Args:
        work: A function of a module, which the process calls.
        arguments: Its arguments.
        watched: The folder whose events are counted.
        files: A path without suffix, for what the process says and how many events it
            has; its folder is the process's current folder.
        compiled: The folder of compiled programs.
        death: When the process dies.
        keep: Whether it keeps the programs that it compiles.
    """

    def __init__(
        self,
        work: Callable[..., object],
        *arguments: Any,
        watched: Path,
        files: Path,
        compiled: Path,
        death: Death = NEVER,
        keep: bool = False,
    ) -> None:
        self.death, self._files = death, files
        files.parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".said", ".events", ".stopped"):
            files.with_suffix(suffix).unlink(missing_ok=True)
        self._began = time.monotonic()
        self.seconds = 0.0
        self.process: BaseProcess = get_context("forkserver").Process(
            target=_live,
            args=(work, arguments, watched, files, death, compiled, keep),
        )
        self.process.start()

    @property
    def said(self) -> str:
        """What the process has printed."""
        path = self._files.with_suffix(".said")
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def events(self) -> int:
        """The number of events of a process that came to its end."""
        return int(self._files.with_suffix(".events").read_text())

    @property
    def code(self) -> int:
        """The exit code; negative: a signal."""
        code = self.process.exitcode
        assert code is not None
        return code

    @property
    def stopped(self) -> bool:
        """Whether it has stopped to be killed."""
        return self._files.with_suffix(".stopped").exists()

    def wait(self) -> "Life":
        """Waits until the process has ended or stopped; kills it at its moment."""
        ends = self._began + PATIENCE
        if self.death.how == "moment":
            self.process.join(self.death.seconds)
            self.kill()
        while self.process.is_alive() and not self.stopped:
            self.process.join(0.02)
            if time.monotonic() > ends:
                self.kill()
                raise AssertionError(f"a process hangs, and said: {self.said}")
        self.seconds = time.monotonic() - self._began
        return self

    def kill(self) -> None:
        """Kills the process, if it lives."""
        self.process.kill()
        self.process.join()

    @property
    def killed(self) -> bool:
        """Whether a signal has ended the process."""
        return self.code in (-signal.SIGKILL, -signal.SIGXFSZ)

    def finished(self) -> "Life":
        """Waits for a process that nobody kills."""
        self.wait()
        if self.code != 0:
            raise AssertionError(f"a process ended with {self.code}: {self.said}")
        return self


def prepare() -> None:
    """Starts the process from which the others are forked."""
    context = get_context("forkserver")
    with _environment(
        PYTHONPATH=os.pathsep.join([str(Path(__file__).parents[1]), *_inherited()]),
        TF_CPP_MIN_LOG_LEVEL="3",
    ):
        context.set_forkserver_preload(["killing.preloaded"])
        forkserver.ensure_running()


def _inherited() -> list[str]:
    return [path for path in [os.environ.get("PYTHONPATH")] if path]


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]
