"""Calling a function at many points: here, in other processes, on other machines.

`workers` is SciPy's convention, a number or anything that works like `map`, and here
every way of calling is a map: Python's own, one over the processes of this machine
(`secant.parallel.processes`), one over a Dask cluster (`secant.parallel.dask`), or the
user's. What is mapped is an `Errand` over chunks of points.
"""

import os
import pickle
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, TypeAlias

from secant.errors import InvalidInput, short
from secant.parallel.task import Errand, outcomes
from secant.validation import as_whole_number

Caller: TypeAlias = Callable[[Sequence[Any]], list[Any]]
"""Takes a list of points, gives the list of values, a `Raised` where f raised."""

# The work ends when the last worker does, which is at most one chunk after the first:
# with 16 each, 6 % of its share. As much is lost at most where a worker dies. A chunk
# costs 0.2 ms to send in one machine and some 3 ms through Dask.
_CHUNKS_EACH = 16


@contextmanager
def calling(
    f: Callable[[Any], Any], workers: Any = None
) -> Generator[Caller, None, None]:
    """Something that calls `f` at a list of points.

    Args:
        f: The function of one point.
        workers: None or 1: one after the other, in this process. A number: in so many
            processes of this machine; -1: in as many as it has cores. A map-like
            callable, such as `multiprocessing.Pool().map`, an executor's `map` or
            `secant.dask_workers(client)`: it is called as `workers(function, chunks)`
            with a list of lists of points. Where it has a number `count` of workers,
            that tells how many chunks to make; else it is taken to have as many as
            this machine has cores.

    Yields:
        A `Caller`, which keeps the order of the points.

    Raises:
        InvalidInput: `workers` is neither, `f` or its values cannot be sent, or the map
            gives back something else than the results of all chunks.
        SecantError: Workers died, or lack something that f needs.

    Example:
        >>> with calling(abs) as call:
        ...     call([-1, 2])
        [1, 2]
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with ThreadPoolExecutor() as pool, calling(abs, pool.map) as call:
        ...     call([-1, 2])
        [1, 2]
    """
    if callable(workers):
        yield _mapping(f, workers, _count(workers))
        return
    count = _as_count(workers)
    if count == 1:
        yield lambda points: outcomes(f, points)
        return
    # Only here: joblib takes as long to import as NumPy.
    from secant.parallel.processes import Processes

    with Processes(count) as processes:
        yield _mapping(f, processes, count)


def _mapping(f: Callable[[Any], Any], over: Callable[..., Any], count: int) -> Caller:
    errand = Errand(f)

    def call(points: Sequence[Any]) -> list[Any]:
        chunks = chunked(points, count)
        if not chunks:
            return []
        results = list(over(errand, chunks))
        if len(results) != len(chunks):
            raise InvalidInput(
                f"workers gave back {len(results)} results for {len(chunks)} chunks of "
                "points: pass something that works like `map`, such as a pool's `map`"
            )
        return [
            value
            for result, chunk in zip(results, chunks, strict=True)
            for value in _unsealed(result, len(chunk))
        ]

    return call


def chunked(points: Sequence[Any], count: int) -> list[list[Any]]:
    """The points in lists of nearly equal length, several for each worker.

    Example:
        >>> [len(chunk) for chunk in chunked(range(100), 2)]
        [4, 3, 3, 3, 3, 3, 3, 3, 4, ...]
    """
    pieces = min(len(points), _CHUNKS_EACH * count)
    edges = [-(-len(points) * i // pieces) for i in range(pieces + 1)] if pieces else []
    return [list(points[a:b]) for a, b in pairwise(edges)]


def _unsealed(result: Any, length: int) -> list[Any]:
    # From another process of the same user, as the results of every pool.
    values = pickle.loads(result) if isinstance(result, bytes) else result
    if not isinstance(values, list) or len(values) != length:  # pyright: ignore[reportUnknownArgumentType]
        dask = type(result).__name__ == "Future"
        hint = "secant.dask_workers(client)" if dask else "a pool's `map`, for example"
        raise InvalidInput(
            f"workers gave back {short(result)} where the {length} values of a chunk "
            f"should be: pass {hint}"
        )
    return values  # pyright: ignore[reportUnknownVariableType]


def _count(workers: object) -> int:
    count = getattr(workers, "count", None)
    return max(count, 1) if isinstance(count, int) else os.cpu_count() or 1


def _as_count(workers: Any) -> int:
    """How many processes are meant."""
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
            f"workers is {short(workers)}, neither a number nor callable: {hint}"
        )
    if count == -1:
        return os.cpu_count() or 1
    if count < 1:
        raise InvalidInput(f"workers is {count}: {hint}")
    return count
