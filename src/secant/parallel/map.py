"""Parallel calls of a function: in this process, in others, on other machines.

`workers` follows SciPy's convention: a number, or anything that works like `map`. Every
way of calling is a map here: Python's own, one over the processes of this machine
(`secant.parallel.processes`), one over a Dask cluster (`secant.parallel.dask`), or the
user's. It maps a `RemoteFunction` over chunks of points.
"""

import os
import pickle
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, TypeAlias

from secant.errors import InvalidInput, short_repr
from secant.parallel.task import RemoteFunction, call_each
from secant.validation import as_whole_number

Caller: TypeAlias = Callable[[Sequence[Any]], list[Any]]
"""A function from a list of points to a list of values, a `Raised` where f raised."""

# The last worker ends at most one chunk after the first one: with 16 chunks each, after
# 6 % of its share. A worker that dies loses as much. Sending a chunk takes 0.2 ms on
# one machine, and about 3 ms through Dask.
_CHUNKS_EACH = 16


@contextmanager
def open_caller(
    f: Callable[[Any], Any], workers: Any = None
) -> Generator[Caller, None, None]:
    """A context that gives a `Caller` of `f`.

    Args:
        f: The function of one point.
        workers: None or 1: calls one after the other, in this process. A number: that
            many processes of this machine; -1: one for each core. A map-like callable,
            such as `multiprocessing.Pool().map`, an executor's `map` or
            `secant.dask_workers(client)`: it is called as `workers(function, chunks)`
            with a list of lists of points. If it has an attribute `count`, the number
            of its workers, that decides how many chunks there are; otherwise the number
            of cores of this machine does.

    Yields:
        A `Caller`, which keeps the order of the points.

    Raises:
        InvalidInput: `workers` is none of these, `f` or its values cannot be sent, or
            the map does not return the results of all chunks.
        SecantError: Workers died, or lack something that f needs.

    Example:
        >>> with open_caller(abs) as call:
        ...     call([-1, 2])
        [1, 2]
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with ThreadPoolExecutor() as pool, open_caller(abs, pool.map) as call:
        ...     call([-1, 2])
        [1, 2]
    """
    if callable(workers):
        yield _mapping(f, workers, _count(workers))
        return
    count = _as_count(workers)
    if count == 1:
        yield lambda points: call_each(f, points)
        return
    # Imported here, since joblib takes as long to import as NumPy.
    from secant.parallel.processes import WorkerProcesses

    with WorkerProcesses(count) as processes:
        yield _mapping(f, processes, count)


def _mapping(f: Callable[[Any], Any], over: Callable[..., Any], count: int) -> Caller:
    remote = RemoteFunction(f)

    def call(points: Sequence[Any]) -> list[Any]:
        chunks = chunked(points, count)
        if not chunks:
            return []
        results = list(over(remote, chunks))
        if len(results) != len(chunks):
            raise InvalidInput(
                f"workers returned {len(results)} results for {len(chunks)} chunks of "
                "points: pass something that works like `map`, such as a pool's `map`"
            )
        return [
            value
            for result, chunk in zip(results, chunks, strict=True)
            for value in _results_of(result, len(chunk))
        ]

    return call


def chunked(points: Sequence[Any], count: int) -> list[list[Any]]:
    """Lists of points of nearly equal length, several for each worker.

    Example:
        >>> [len(chunk) for chunk in chunked(range(100), 2)]
        [4, 3, 3, 3, 3, 3, 3, 3, 4, ...]
    """
    pieces = min(len(points), _CHUNKS_EACH * count)
    edges = [-(-len(points) * i // pieces) for i in range(pieces + 1)] if pieces else []
    return [list(points[a:b]) for a, b in pairwise(edges)]


def _results_of(result: Any, length: int) -> list[Any]:
    # The bytes come from another process of the same user, as with every pool.
    values = pickle.loads(result) if isinstance(result, bytes) else result
    if not isinstance(values, list) or len(values) != length:  # pyright: ignore[reportUnknownArgumentType]
        dask = type(result).__name__ == "Future"
        hint = "secant.dask_workers(client)" if dask else "a pool's `map`, for example"
        raise InvalidInput(
            f"workers returned {short_repr(result)} in place of the {length} values of "
            f"a chunk: pass {hint}"
        )
    return values  # pyright: ignore[reportUnknownVariableType]


def _count(workers: object) -> int:
    count = getattr(workers, "count", None)
    return max(count, 1) if isinstance(count, int) else os.cpu_count() or 1


def _as_count(workers: Any) -> int:
    """The number of processes."""
    if workers is None:
        return 1
    hint = (
        "pass a number of processes, -1 for all cores, or something like a pool's map"
    )
    count = as_whole_number(workers)
    if count is None:
        if callable(getattr(workers, "map", None)):
            dask = type(workers).__module__.startswith("distributed")
            hint = "pass secant.dask_workers(it)" if dask else "pass its `map`"
        raise InvalidInput(
            f"workers is {short_repr(workers)}, neither a number nor callable: {hint}"
        )
    if count == -1:
        return os.cpu_count() or 1
    if count < 1:
        raise InvalidInput(f"workers is {count}: {hint}")
    return count
