"""Sources of slopes: what a check asks of them, and the one that samples values."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from secant.checking.point import Point, as_float64, coarsest, in_kind_of
from secant.derivatives import derivatives
from secant.derivatives.evaluation import UNDEFINED
from secant.derivatives.lines import INITIAL_STEP_RATIO, scale

# The error bars of `secant.gradient` hold in 95 % of cases and more. Among thousands of
# coordinates none may raise a false alarm, so the bars are made this many times longer.
ERROR_BARS = 4

# How far away ties are broken, in steps of a secant there.
_NEARBY_STEPS = 16

# How far from the point a jump is looked for, in roundings of the coordinate, and by
# how much the jumps that are found may differ.
_JUMP_DISTANCES = (2, 8, 32)
_JUMP_RTOL = 0.1

# First steps from which a suspect is measured once more, in units of the usual one.
_OTHER_FIRST_STEPS = (0.6180339887498949, 0.3183098861837907)

_TINY = float(np.finfo(np.float64).tiny)


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
        nearby_shift: How far away ties are broken, relative to the size of a
            coordinate; None for as far as roundings are measured.
        nearby_rtol: How far slopes there may be off for it.
    """

    exact = True
    traceable = True
    branches = True
    subtracted = False
    may_tie = False
    nearby_shift: float | None = None
    nearby_rtol = 0.0
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
    ) -> tuple[float, float, float]:
        """The slopes ahead and behind along a direction through one leaf.

        The third number is how far each may be off.

        Raises:
            NotImplementedError: The source is not asked for ties: see `may_tie`.
        """
        raise NotImplementedError

    def slopes_nearby(
        self, leaf: int, indices: np.ndarray, leaves: Sequence[Any]
    ) -> np.ndarray:
        """The slopes at a point `nearby_shift` away, along coordinates of a leaf."""
        return self.one_sided(SlopeQuery(leaf, indices, leaves)).slope

    @abstractmethod
    def one_sided(self, query: SlopeQuery) -> OneSidedSlopes:
        """The slopes to both sides along some coordinates of a leaf."""

    def doubt(self, query: SlopeQuery, slope: np.ndarray) -> np.ndarray:
        """By how much slopes may be off beyond their errors; exact ones are not.

        Args:
            query: Some coordinates of a leaf.
            slope: Their slopes, from `one_sided`.
        """
        return np.zeros(len(query.indices))

    def jumps(self, query: SlopeQuery, least: float) -> np.ndarray:
        """By how much f jumps at the point along some coordinates, if by over `least`.

        Exact slopes show jumps by themselves: their gap grows as 1/h.

        Returns:
            The jumps ahead and behind, (2, coordinates); 0 where there is none.
        """
        return np.zeros((2, len(query.indices)))


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
        # Points nearby are so many steps away that none of these meets a tie.
        self.may_tie = self.dtype.itemsize > 2
        self.nearby_shift = _NEARBY_STEPS * self.step
        self.nearby_rtol = 2 * self.nearby_shift

    def one_sided(self, query: SlopeQuery) -> OneSidedSlopes:
        """Central slopes on both sides; truly one-sided if `shrink` is not 1.

        One-sided slopes take twice the calls, and only kinks need them.
        """
        indices = query.indices
        if not len(indices):
            return OneSidedSlopes(*np.zeros((3, 0)))
        value, at = self._along(query)
        if query.shrink == 1:
            found = derivatives.gradient(value, at)
            query.progress(len(indices))
            return OneSidedSlopes(found.value, found.value, ERROR_BARS * found.error)
        ahead = derivatives.gradient(value, at, method="forward")
        behind = derivatives.gradient(value, at, method="backward")
        error = ERROR_BARS * (ahead.error + behind.error)
        return OneSidedSlopes(ahead.value, behind.value, error)

    def along_leaf(
        self,
        leaf: int,
        direction: np.ndarray,
        leaves: Sequence[Any] | None = None,
        shrink: float = 1.0,
    ) -> tuple[float, float, float]:
        """The slopes ahead and behind, extrapolated at the point itself.

        Nearby both are that of short secants there.
        """
        every = np.arange(direction.size)
        if leaves is not None:
            (slope,) = self._secants(leaf, every, leaves, direction[np.newaxis])
            return slope, slope, 0.0
        value, at = self._along(SlopeQuery(leaf, every, self._point.leaves))
        try:
            ahead, behind = (
                derivatives.directional_derivative(value, at, direction, method=method)
                for method in ("forward", "backward")
            )
        except UNDEFINED:  # an `InvalidInput` among them
            return 0.0, 0.0, np.inf
        error = ERROR_BARS * max(float(ahead.error), float(behind.error))
        return float(ahead.value), float(behind.value), error

    def slopes_nearby(
        self, leaf: int, indices: np.ndarray, leaves: Sequence[Any]
    ) -> np.ndarray:
        """The slopes of short secants."""
        sizes = self._point.nudge_sizes(leaf, _TINY).ravel()[indices]
        return self._secants(leaf, indices, leaves, np.diag(sizes)) / sizes

    def _secants(
        self, leaf: int, indices: np.ndarray, leaves: Sequence[Any], moves: np.ndarray
    ) -> np.ndarray:
        """The slopes of short secants, one for each row of moves.

        Each is the mean of that at a point and that at its mirror image: what changes
        linearly on the way from one to the other leaves the mean as it is at x.
        """
        centre, image = list(self._point.leaves), list(leaves)
        for i in self._point.real:
            x = as_float64(centre[i])
            mirrored = 2 * x - as_float64(leaves[i])
            image[i] = in_kind_of(leaves[i], mirrored.astype(leaves[i].dtype))
        slopes = np.zeros(len(moves))
        for side in (leaves, image):
            value, at = self._along(SlopeQuery(leaf, indices, side))
            for i, move in enumerate(self.step * moves):
                change = _value_or_nan(value, at + move) - _value_or_nan(
                    value, at - move
                )
                slopes[i] += change / (4 * self.step)
        return slopes

    def doubt(self, query: SlopeQuery, slope: np.ndarray) -> np.ndarray:
        """How far slopes from other first steps are from these.

        Where values are coarse, two polynomials agree by accident once in a thousand
        times, and the error of their slope is too small. They do not again from steps
        that are no multiples of the first.
        """
        value, at = self._along(query)
        first = INITIAL_STEP_RATIO * scale(at)
        apart = [
            abs(derivatives.gradient(value, at, step=ratio * first).value - slope)
            for ratio in _OTHER_FIRST_STEPS
        ]
        doubt: np.ndarray = ERROR_BARS * np.max(apart, axis=0)
        return np.where(np.isfinite(doubt), doubt, 0.0)

    def jumps(self, query: SlopeQuery, least: float) -> np.ndarray:
        """Changes of f that are alike at points 2, 8 and 32 roundings away.

        A smooth change grows with the distance, and roundings are below `least`. All
        coordinates are moved at once before each is moved by itself.
        """
        value, at = self._along(query)
        sizes = self._point.nudge_sizes(query.leaf, _TINY).ravel()[query.indices]
        unit = float(jnp.finfo(self.dtype).eps) * sizes
        here = _value_or_nan(value, at)

        def jump(move: np.ndarray) -> float:
            changes = np.array(
                [_value_or_nan(value, at + far * move) for far in _JUMP_DISTANCES]
            )
            changes -= here
            size = float(abs(changes).max())
            alike = np.isfinite(size) and np.ptp(changes) <= _JUMP_RTOL * size
            return float(changes[0]) if alike and size > least else 0.0

        signs = np.random.default_rng(0).choice([-1, 1], len(at))
        if not (jump(signs * unit) or jump(-signs * unit)):
            return super().jumps(query, least)
        moves = np.diag(unit)
        return np.array([[jump(move), -jump(-move)] for move in moves]).T

    def _along(
        self, query: SlopeQuery
    ) -> tuple[Callable[[np.ndarray], float], np.ndarray]:
        """The function of some coordinates, and these at the point."""
        indices, here = query.indices, list(query.leaves)
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

        return value, flat[indices]


def _value_or_nan(f: Callable[[np.ndarray], float], x: np.ndarray) -> float:
    """The value of f; NaN where it is not defined."""
    with np.errstate(all="ignore"), suppress(*UNDEFINED):
        return f(x)
    return np.nan
