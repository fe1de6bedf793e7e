"""Sources of slopes: what a check asks of them, and the one that samples values."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from secant.checking.point import Point, as_float64, coarsest, in_kind_of
from secant.derivatives import derivatives

# The error bars of `secant.gradient` hold in 95 % of cases and more. Among thousands of
# coordinates none may raise a false alarm, so the bars are made this many times longer.
_ERROR_BARS = 4


@dataclass(frozen=True)
class SlopeQuery:
    """The slopes that a check requests, and their point.

    Attributes:
        leaf: Along coordinates of which leaf, among those of floats.
        indices: Along which, as indices into the flattened leaf.
        leaves: The point: all leaves.
        shrink: The step is this many times smaller than usual.
        progress: Called with how many coordinates were nudged since the last call.
    """

    leaf: int
    indices: np.ndarray
    leaves: Sequence[Any]
    shrink: float = 1.0
    progress: Callable[[int], object] = lambda done: None


class OneSidedSlopes(NamedTuple):
    """Slopes along coordinates to both sides, float64, one number for each.

    Attributes:
        ahead: (f(x + h eᵢ) - f(x)) / h.
        behind: (f(x) - f(x - h eᵢ)) / h.
        error: How far their mean may be off, as far as the source knows.
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
        """The difference of both sides: h f'' on a smooth curve, the jump at a kink."""
        return self.ahead - self.behind

    def at(self, places: np.ndarray) -> "OneSidedSlopes":
        """The slopes of some coordinates."""
        return OneSidedSlopes(*(array[places] for array in self))

    def replaced(self, places: np.ndarray, by: "OneSidedSlopes") -> "OneSidedSlopes":
        """A copy with other slopes along some coordinates."""
        arrays = [array.copy() for array in self]
        for array, part in zip(arrays, by, strict=True):
            array[places] = part
        return OneSidedSlopes(*arrays)


class SlopeSource(ABC):
    """A source of slopes.

    Attributes:
        exact: Whether differences are propagated, so that slopes have no error but
            rounding and that of h itself.
        traceable: Whether JAX can trace the function.
        dtype: The coarsest dtype of the program: no result can be better.
        step: The step h, relative to the size of a coordinate.
        axes: The lengths of all axes in the program.
        branches: Whether the program selects between branches, as far as is known.
        subtracted: Whether values were subtracted, since no change can be propagated.
        may_tie: Whether it orders numbers that may be tied, and `along_leaf` works.
    """

    exact = True
    traceable = True
    branches = True
    subtracted = False
    may_tie = False
    dtype: np.dtype
    step: float
    axes: frozenset[int]

    def nudge_at_0(self, leaf: int) -> float | None:
        """How far a coordinate that is 0 is nudged; None if it varies, or none is."""
        return None

    def along_leaf(
        self,
        leaf: int,
        direction: np.ndarray,
        leaves: Sequence[Any] | None = None,
        shrink: float = 1.0,
    ) -> tuple[float, float]:
        """The slopes ahead and behind along a direction through one leaf.

        Raises:
            NotImplementedError: The source is not asked for ties: see `may_tie`.
        """
        raise NotImplementedError

    @abstractmethod
    def one_sided(self, query: SlopeQuery) -> OneSidedSlopes:
        """The slopes to both sides along some coordinates of a leaf."""


class SampledSlopes(SlopeSource):
    """Slopes of a function that JAX cannot trace: those of `secant.gradient`.

    Their error bars are part of the result.
    """

    exact = False

    def __init__(self, f: Callable[..., Any], point: Point, *, traceable: bool) -> None:
        """Takes `f`, a function of all leaves that returns one number."""
        self._f, self._point, self.traceable = f, point, traceable
        self.dtype = coarsest(point.leaves[i].dtype for i in point.real)
        self.axes = frozenset(
            length for leaf in point.leaves for length in np.shape(leaf)
        )
        self.step = float(np.sqrt(jnp.finfo(self.dtype).eps))

    def one_sided(self, query: SlopeQuery) -> OneSidedSlopes:
        """Central slopes on both sides; truly one-sided if `shrink` is not 1.

        One-sided slopes take twice the calls, and only kinks need them.
        """
        indices, here = query.indices, list(query.leaves)
        if not len(indices):
            return OneSidedSlopes(*np.zeros((3, 0)))
        place = self._point.real[query.leaf]
        array, single = here[place], np.ndim(here[place]) == 0
        flat = as_float64(array).ravel()

        def value(part: np.ndarray) -> float:
            whole = flat.copy()
            whole[indices] = part
            moved = whole.reshape(np.shape(array)).astype(array.dtype)
            moved = in_kind_of(array, moved)
            here[place] = moved[()] if single else moved
            return float(self._f(*here))

        if query.shrink == 1:
            found = derivatives.gradient(value, flat[indices])
            query.progress(len(indices))
            return OneSidedSlopes(found.value, found.value, _ERROR_BARS * found.error)
        ahead = derivatives.gradient(value, flat[indices], method="forward")
        behind = derivatives.gradient(value, flat[indices], method="backward")
        error = _ERROR_BARS * (ahead.error + behind.error)
        return OneSidedSlopes(ahead.value, behind.value, error)
