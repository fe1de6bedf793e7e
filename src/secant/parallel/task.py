"""A function at chunks of points, wherever a map carries it, and what comes back.

`secant.parallel.map` maps an `Errand` over chunks; each way to map it
(`secant.parallel.processes`, `secant.parallel.dask`, the user's own) brings it to its
workers in its own manner.
"""

import pickle
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from secant.errors import InvalidInput, SecantError
from secant.parallel.pickling import Parcel, dumps, opened, pack, short_text


@dataclass(frozen=True)
class Raised:
    """Stands for a value where the function raised: what it raised."""

    error: Exception


class Errand:
    """A function to be called at chunks of points, wherever it is carried to.

    Here it is the function itself: a map over threads sends nothing. Pickled, it is a
    `Parcel`, packed once; where that arrives, it is opened once and answers in bytes,
    so that a value or an error that cannot be sent is told by its own name.

    Args:
        f: The function of one point.
        away: Whether this is another process than the one that f comes from.
    """

    def __init__(self, f: Callable[[Any], Any], away: bool = False) -> None:
        self.f = f
        self.away = away

    def __call__(self, points: Sequence[Any]) -> list[Any] | bytes:
        """The values, a `Raised` where f raised; in another process pickled."""
        found = outcomes(self.f, points, self.away)
        return _sealed(found) if self.away else found

    @cached_property
    def parcel(self) -> Parcel:
        """What travels."""
        return pack(self.f)

    def __reduce__(self) -> tuple[Any, ...]:
        return arrived, (self.parcel.digest, self.parcel.data)


def arrived(digest: str, data: bytes) -> Errand:
    """An errand, in the process that it was sent to."""
    return Errand(opened(digest, lambda: data), away=True)


def outcomes(
    f: Callable[[Any], Any], points: Sequence[Any], away: bool = False
) -> list[Any]:
    """The values of `f`, a `Raised` where it raised."""

    def value(point: Any) -> Any:
        try:
            return f(point)
        except Exception as error:
            if away:
                # A traceback is never pickled, and without it nobody finds the line.
                lines = traceback.format_exception(error)
                error.add_note(f"raised in a worker:\n{''.join(lines)}")
            return Raised(error)

    return [value(point) for point in points]


def _sealed(values: list[Any]) -> bytes:
    try:
        data = dumps(values)
        # An exception with arguments of its own can often be pickled and not unpickled.
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
                f"f returned a {type(value).__name__}, which cannot be sent home from "
                f"a worker ({short_text(str(reason))}): return numbers or arrays"
            )
        )


def _substitute(error: Exception) -> SecantError:
    """What comes home in the place of an error that cannot."""
    stands_in = SecantError(f"{type(error).__name__}: {error}")
    for note in getattr(error, "__notes__", ()):
        stands_in.add_note(note)
    return stands_in
