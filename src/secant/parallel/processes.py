"""A map over processes of this machine, which joblib's loky starts and watches.

The processes are started afresh and not forked, since a forked JAX may hang.
cloudpickle sends the function, so that no script needs an `if __name__ == "__main__"`.
The processes stay for the next call, and end when they are idle.
"""

import atexit
import os
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from types import TracebackType
from typing import Any, Self

from secant.compat import broken_pool_errors, kill_processes, process_pool
from secant.errors import SecantError
from secant.parallel.pickling import deserialize_cached
from secant.parallel.task import RemoteFunction

# The variables from which the libraries under NumPy read their number of threads.
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
_IDLE_SECONDS = 120

_pools: dict[int, Any] = {}
_lock = Lock()

# A pool that is closed after its modules are unloaded raises errors.
atexit.register(_pools.clear)


class WorkerProcesses:
    """A map over processes of this machine, for use in a `with`.

    The function is written once, to a temporary file that only this user can read;
    each process reads it once. A task is the name of that file and a chunk of points.

    Args:
        count: The number of processes.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._folder: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def __call__(
        self, remote: RemoteFunction, chunks: Sequence[list[Any]]
    ) -> list[bytes]:
        """The results of the function for each chunk.

        Raises:
            SecantError: Processes died twice, the second time while they computed what
                was left.
        """
        digest = remote.pickled.digest
        path = self._written(remote)
        done: dict[int, bytes] = {}
        reason = ""
        for _ in range(2):
            pool, broken = _pool(self.count)
            futures: dict[int, Any] = {}
            try:
                for i in range(len(chunks)):
                    if i not in done:
                        futures[i] = pool.submit(_run, path, digest, chunks[i])
                for i, future in futures.items():
                    done[i] = future.result()
                return [done[i] for i in range(len(chunks))]
            except broken as error:
                codes = re.search(r"\{.*\}", str(error))
                reason = f" (exit codes {codes[0]})" if codes else ""
                for i, future in futures.items():
                    if future.done() and future.exception() is None:
                        done[i] = future.result()
                _close(self.count, pool)
            except Exception:
                for future in futures.values():
                    future.cancel()
                raise
            except BaseException:
                # Ctrl-C: what is still running is not waited for.
                _close(self.count, pool, kill=True)
                raise
        left = len(chunks) - len(done)
        raise SecantError(
            f"a worker died while it called f, twice, with {left} of {len(chunks)} "
            f"chunks of points to go{reason}: it ran out of memory (use fewer "
            "workers), f crashes in compiled code, or f ends its process; call f with "
            "workers=None to see which"
        )

    def _written(self, remote: RemoteFunction) -> str:
        if self._folder is None:
            # Made with mode 0700, since its files are executed.
            self._folder = TemporaryDirectory(prefix="secant-")
        path = Path(self._folder.name, remote.pickled.digest)
        if not path.exists():
            path.write_bytes(remote.pickled.data)
        return str(path)


def _run(path: str, digest: str, points: list[Any]) -> Any:
    f = deserialize_cached(digest, Path(path).read_bytes)
    return RemoteFunction(f, in_worker=True)(points)


def _pool(count: int) -> tuple[Any, Any]:
    """The pool of a number of processes, and the errors of a pool that lost one.

    A pool of our own: loky's reusable one is also joblib's, and each would hand the
    other one that was started with other settings.
    """
    with _lock:
        if count not in _pools:
            share = max((os.cpu_count() or 1) // count, 1)
            threads = {name: os.environ.get(name, str(share)) for name in _THREADS}
            _pools[count] = process_pool(count, _IDLE_SECONDS, threads)
        return _pools[count], broken_pool_errors()


def _close(count: int, pool: Any, kill: bool = False) -> None:
    with _lock:
        if _pools.get(count) is pool:
            del _pools[count]
    if kill:
        kill_processes(pool)
    pool.shutdown(wait=True)
