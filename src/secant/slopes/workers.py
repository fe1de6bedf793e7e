"""Calling a function at many points: here, in other processes, on other machines."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Raised:
    """Stands for a value where the function raised: what it raised."""

    error: Exception


Caller: TypeAlias = Callable[[Sequence[Any]], list[Any]]
"""Takes a list of points, gives the list of values, a `Raised` where f raised."""


@contextmanager
def calling(f: Callable[[Any], Any], workers: Any = None) -> Iterator[Caller]:
    """Something that calls `f` at a list of points.

    Args:
        f: The function of one point.
        workers: None or 1: one after the other, in this process.

    Yields:
        A `Caller`, which keeps the order of the points.

    Example:
        >>> with calling(abs) as call:
        ...     call([-1, 2])
        [1, 2]
    """

    def value(point: Any) -> Any:
        try:
            return f(point)
        except Exception as error:
            return Raised(error)

    yield lambda points: [value(point) for point in points]
