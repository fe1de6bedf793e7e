"""The function that a map carries to its workers, and the results that come back.

`secant.parallel.map` maps a `RemoteFunction` over chunks of points. Each kind of map
(`secant.parallel.processes`, `secant.parallel.dask`, the user's own) sends it to its
workers in its own way.
"""

import pickle
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from secant.arrays import owned
from secant.errors import InvalidInput, SecantError
from secant.parallel.pickling import (
    PickledFunction,
    deserialize_cached,
    dumps,
    first_line,
    serialize,
)


@dataclass(frozen=True)
class Raised:
    """The error of a call, in place of its value."""

    error: Exception


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
    """The values of `f`, a `Raised` where it raised.

    Each is a copy: a function may return the same buffer at every call.
    """

    def value(point: Any) -> Any:
        try:
            return _kept(f(point))
        except Exception as error:
            if in_worker:
                # Pickling drops the traceback, which names the line.
                lines = traceback.format_exception(error)
                error.add_note(f"raised in a worker:\n{''.join(lines)}")
            return Raised(error)

    return [value(point) for point in points]


def _kept(value: Any) -> Any:
    """A value that no later call of its function changes."""
    if hasattr(value, "detach"):  # a tensor of PyTorch, perhaps of a graph
        return value.detach().clone()
    return owned(value)


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
