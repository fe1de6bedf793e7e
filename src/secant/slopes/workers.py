"""Parallel calls of a function: in this process, in others, on other machines.

`workers` follows SciPy's convention: a number, or anything that works like `map`. Every
way of calling is a map here: Python's own, one over the processes of this machine
(`secant.slopes.processes`), one over a Dask cluster (`secant.slopes.cluster`), or the
user's. It maps a `RemoteFunction` over chunks of points.
"""

import os
import pickle
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeAlias

from secant.errors import InvalidInput, SecantError, short
from secant.slopes.parcels import (
    PickledFunction,
    deserialize_cached,
    dumps,
    first_line,
    serialize,
)
from secant.validation import as_whole_number


@dataclass(frozen=True)
class Raised:
    """The error of a call, in place of its value."""

    error: Exception


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
    from secant.slopes.processes import WorkerProcesses

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


class RemoteFunction:
    """A function that is called at chunks of points, here or in another process.

    In this process it is the function itself: a map over threads sends nothing.
    Pickling makes a `PickledFunction` of it, once. The other process loads that once.
    It answers in bytes, so that a value or an error that cannot be sent is reported by
    its own name.

    Args:
        f: The function of one point.
        in_worker: Whether this is another process than the one that f comes from.
    """

    def __init__(self, f: Callable[[Any], Any], in_worker: bool = False) -> None:
        self.f = f
        self.in_worker = in_worker

    def __call__(self, points: Sequence[Any]) -> list[Any] | bytes:
        """The values, a `Raised` where f raised; pickled in another process."""
        found = call_each(self.f, points, self.in_worker)
        return _pickled_results(found) if self.in_worker else found

    @cached_property
    def pickled(self) -> PickledFunction:
        """The function as bytes."""
        return serialize(self.f)

    def __reduce__(self) -> tuple[Any, ...]:
        return load_remote, (self.pickled.digest, self.pickled.data)


def load_remote(digest: str, data: bytes) -> RemoteFunction:
    """The function, in the process that it was sent to."""
    return RemoteFunction(deserialize_cached(digest, lambda: data), in_worker=True)


def call_each(
    f: Callable[[Any], Any], points: Sequence[Any], in_worker: bool = False
) -> list[Any]:
    """The values of `f`, a `Raised` where it raised."""

    def value(point: Any) -> Any:
        try:
            return f(point)
        except Exception as error:
            if in_worker:
                # Pickling drops the traceback, which names the line.
                lines = traceback.format_exception(error)
                error.add_note(f"raised in a worker:\n{''.join(lines)}")
            return Raised(error)

    return [value(point) for point in points]


def _pickled_results(values: list[Any]) -> bytes:
    try:
        data = dumps(values)
        # Many exceptions with arguments of their own can be pickled but not unpickled.
        if any(isinstance(value, Raised) for value in values):
            pickle.loads(data)
        return data
    except Exception:
        return dumps([_sendable(value) for value in values])


def _sendable(value: Any) -> Any:
    try:
        pickle.loads(dumps(value))
        return value
    except Exception as reason:
        if isinstance(value, Raised):
            return Raised(_substitute(value.error))
        return Raised(
            InvalidInput(
                f"f returned a {type(value).__name__}, which a worker cannot send back "
                f"({first_line(str(reason))}): return numbers or arrays"
            )
        )


def _substitute(error: Exception) -> SecantError:
    """An error that can be sent, in place of one that cannot."""
    substitute = SecantError(f"{type(error).__name__}: {error}")
    for note in getattr(error, "__notes__", ()):
        substitute.add_note(note)
    return substitute


def _results_of(result: Any, length: int) -> list[Any]:
    # The bytes come from another process of the same user, as with every pool.
    values = pickle.loads(result) if isinstance(result, bytes) else result
    if not isinstance(values, list) or len(values) != length:  # pyright: ignore[reportUnknownArgumentType]
        dask = type(result).__name__ == "Future"
        hint = "secant.dask_workers(client)" if dask else "a pool's `map`, for example"
        raise InvalidInput(
            f"workers returned {short(result)} in place of the {length} values of a "
            f"chunk: pass {hint}"
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
            f"workers is {short(workers)}, neither a number nor callable: {hint}"
        )
    if count == -1:
        return os.cpu_count() or 1
    if count < 1:
        raise InvalidInput(f"workers is {count}: {hint}")
    return count
