"""What a check needs of slopes, wherever they come from."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from secant.checking.point import Point, as_float64, coarsest, in_kind_of
from secant.slopes import adaptive


@dataclass(frozen=True)
class Question:
    """Which slopes are asked for, and where.

    Attributes:
        leaf: Along coordinates of which leaf, among those of floats.
        indices: Along which, counted as if there was one dimension.
        leaves: The point: all leaves.
        shrink: How many times smaller than usual the nudge is.
        tell: Called with how many coordinates were nudged since it was called last.
    """

    leaf: int
    indices: np.ndarray
    leaves: Sequence[Any]
    shrink: float = 1.0
    tell: Callable[[int], object] = lambda done: None


class Sides(NamedTuple):
    """Slopes along coordinates, float64, one number for each.

    Attributes:
        ahead: (f(x + h eᵢ) - f(x)) / h.
        behind: (f(x) - f(x - h eᵢ)) / h.
        error: How far their mean may be off by what is known beforehand.
    """

    ahead: np.ndarray
    behind: np.ndarray
    error: np.ndarray

    @property
    def slope(self) -> np.ndarray:
        """The central slope: the mean of both sides."""
        return (self.ahead + self.behind) / 2

    @property
    def gap(self) -> np.ndarray:
        """By how much the sides differ: h f'' on a smooth curve, more at a kink."""
        return self.ahead - self.behind

    def at(self, places: np.ndarray) -> "Sides":
        """Those of some coordinates."""
        return Sides(*(array[places] for array in self))

    def replaced(self, places: np.ndarray, by: "Sides") -> "Sides":
        """The same with other slopes along some coordinates."""
        arrays = [array.copy() for array in self]
        for array, part in zip(arrays, by, strict=True):
            array[places] = part
        return Sides(*arrays)


class Slopes(ABC):
    """Where slopes come from.

    Attributes:
        exact: Whether differences are carried: no error but of roundings and of h
            itself.
        traceable: Whether JAX can trace the function.
        dtype: The coarsest in use: no result can be better.
        step: How far a coordinate is nudged, relative to its size.
        axes: The lengths of all axes that occur.
    """

    exact = True
    traceable = True
    dtype: np.dtype
    step: float
    axes: frozenset[int]

    @abstractmethod
    def each(self, asked: Question) -> Sides:
        """One-sided slopes along some coordinates of a leaf."""


# How often the error bars of `secant.gradient` are taken: they hold in 95 % of cases
# and more, and here none of thousands may raise a false alarm.
_BARS = 4


class SampledSlopes(Slopes):
    """Slopes from values of the function, extrapolated."""

    exact = False

    def __init__(self, f: Callable[..., Any], point: Point, *, traceable: bool) -> None:
        """Takes `f`, a function of all leaves that returns one number."""
        self._f, self._point, self.traceable = f, point, traceable
        self.dtype = coarsest(point.leaves[i].dtype for i in point.real)
        self.axes = frozenset(
            length for leaf in point.leaves for length in np.shape(leaf)
        )
        self.step = float(np.sqrt(jnp.finfo(self.dtype).eps))

    def each(self, asked: Question) -> Sides:
        """The slopes along some coordinates; one-sided if `shrink` is not 1."""
        indices, here = asked.indices, list(asked.leaves)
        if not len(indices):
            return Sides(*np.zeros((3, 0)))
        place = self._point.real[asked.leaf]
        array, single = here[place], np.ndim(here[place]) == 0
        flat = as_float64(array).ravel()

        def value(part: np.ndarray) -> float:
            whole = flat.copy()
            whole[indices] = part
            moved = whole.reshape(np.shape(array)).astype(array.dtype)
            moved = in_kind_of(array, moved)
            here[place] = moved[()] if single else moved
            return float(self._f(*here))

        if asked.shrink == 1:
            found = adaptive.gradient(value, flat[indices])
            asked.tell(len(indices))
            return Sides(found.value, found.value, _BARS * found.error)
        ahead = adaptive.gradient(value, flat[indices], method="forward")
        behind = adaptive.gradient(value, flat[indices], method="backward")
        return Sides(ahead.value, behind.value, _BARS * (ahead.error + behind.error))
