"""Ties: points where slopes along single coordinates do not tell those of directions.

The median of (1, 1, 1) does not move where one of the three does, to either side: all
slopes along coordinates are 0. But it moves by h where all three do. There a function
has one-sided slopes along all directions, but no gradient,

    f'(x; d) ≠ Σᵢ f'(x; eᵢ) dᵢ

and a library returns the gradient of a point nearby, where nothing is tied: [0, 1, 0],
or a mean of several of these. Their hull is Clarke's subdifferential. Two of its
properties are checked, which any element of it has:

1. along the diagonal d = (1, …, 1), which keeps a tie of equal numbers, and along a
   random direction, its slope is one of those that f has there, at x and near x;
2. each of its coordinates lies within the slopes that coordinates have near x.

A fault that only moves slope from one tied coordinate to another is not seen.

Source:
    Clarke (1990), Optimization and Nonsmooth Analysis, section 2.5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from secant.checking.context import CheckContext
from secant.checking.evidence import Comparison
from secant.checking.point import as_float64, in_kind_of

# At how many points near x slopes are measured.
_NEIGHBOURS = 12

# Of how many coordinates the slopes near x are measured, of those that are off and of
# others.
_MAX_COORDINATES = 64

# The slopes of a smooth function along a direction and along coordinates agree, up to
# roundings. At a tie they differ by as much as slopes themselves.
_TIE_RTOL = 0.05

# Slopes at a tie do not depend on the step, up to this relative change.
_STEP_RTOL = 0.1
_SHRINK = 7.0

# By which share of its width the range of slopes that were met is widened: slopes that
# were not met may lie beyond.
_COORDINATE_WIDENING = 0.5
_DIRECTION_WIDENING = 1.0


@dataclass(frozen=True)
class Tie:
    """A tie at x.

    Attributes:
        gradient: The slope along the diagonal by the gradient that is checked.
        slope: That of f.
        off: Whether the gradient's slope along the diagonal, or along a random
            direction, is none of those that f has near x.
        within: Which coordinates of the comparison lie within the slopes near x.
    """

    gradient: float
    slope: float
    off: bool
    within: np.ndarray

    def decides(self, comparison: Comparison) -> bool:
        """Whether it explains all that is off, or shows what nothing else does."""
        if self.off:
            # Where all slopes are 0, the tie alone shows what they should be.
            return not comparison.wrong.any() or not comparison.slope.any()
        suspect = comparison.suspect & ~comparison.kink
        return bool(suspect.any() and self.within[suspect].all())


def find_tie(check: CheckContext, leaf: int, comparison: Comparison) -> Tie | None:
    """The tie at x among the coordinates of a leaf; None if there is none.

    None also if a part of the coordinates was compared, since a tie takes all of them.
    """
    gradient, slope = comparison.gradient, comparison.slope
    sizes, rtol = check.nudge_sizes(leaf), check.precision.tolerance
    if (
        not check.source.may_tie
        or comparison.jump.any()
        or len(comparison.indices) != len(sizes)
        or len(sizes) < 2
        or not (np.isfinite(gradient) & np.isfinite(slope)).all()
    ):
        return None
    suspects = comparison.suspect | comparison.kink
    # Where gradient and slopes agree, only slopes of 0 can hide a tie: a number that
    # moves nothing by itself may do so together with others.
    still = (slope == 0) & (comparison.below == 0) & (comparison.above == 0)
    if not (suspects.any() or still.sum() > 1):
        return None
    diagonal = np.full(len(sizes), sizes.min(initial=np.inf))
    directions = [diagonal, sizes * check.rng.standard_normal(len(sizes))]
    if suspects.any():
        directions.append(np.where(suspects, directions[1], 0.0))
    if not any(_is_tied(check, leaf, d, comparison) for d in directions):
        return None
    places = [_moved_nearby(check) for _ in range(_NEIGHBOURS)]

    def is_off(d: np.ndarray) -> bool:
        """Whether the gradient's slope along `d` is none of f's."""
        *here, error = check.source.along_leaf(leaf, d, None, _SHRINK)
        nearby = [_along(check, leaf, d, at) for at in places]
        nearby = [slope for slope in nearby if np.isfinite(slope)]
        sizes = float(abs(gradient) @ abs(d)) + max(map(abs, [*here, *nearby]))
        met = _told_apart(here, nearby, check.source.nearby_rtol * sizes)
        low, high = _widened(met, share=_DIRECTION_WIDENING)
        tolerance = error + 4 * rtol * sizes
        return not low - tolerance <= gradient @ d <= high + tolerance

    step = float(diagonal[0])
    total = _along(check, leaf, diagonal, None)
    return Tie(
        float(gradient @ diagonal) / step,
        total / step,
        any(map(is_off, directions[:2])),
        _within(check, leaf, comparison, places, total / step, rtol),
    )


def _moved_nearby(check: CheckContext) -> list[Any]:
    """All leaves, moved at random by so little that only ties are broken."""
    shift = check.source.nearby_shift or check.precision.shift
    moved = []
    for leaf, part in enumerate(check.random_direction()):
        x = check.point.leaves[check.point.real[leaf]]
        sizes = check.nudge_sizes(leaf).reshape(np.shape(x))
        moved.append(
            in_kind_of(x, (as_float64(x) + shift * part * sizes).astype(x.dtype))
        )
    return check.point.with_real(moved)


def _along(
    check: CheckContext, leaf: int, d: np.ndarray, at: list[Any] | None
) -> float:
    """The mean of the slopes to both sides."""
    return float(np.mean(check.source.along_leaf(leaf, d, at, _SHRINK)[:2]))


def _told_apart(
    here: Sequence[float], nearby: Sequence[float], tolerance: float
) -> np.ndarray:
    """All slopes; those nearby that may be the ones at x are taken for these."""
    low, high = min(here), max(here)
    rest = np.array(nearby)
    return np.array([low, high, *rest[abs(rest - rest.clip(low, high)) > tolerance]])


def _is_tied(
    check: CheckContext, leaf: int, d: np.ndarray, comparison: Comparison
) -> bool:
    """Whether f's slopes along a direction are not those along coordinates together."""
    slope = comparison.slope
    together, size = float(slope @ d), float(abs(slope) @ abs(d))
    uncertain = 0.0 if check.source.exact else float(comparison.error @ abs(d))
    apart = []
    for shrink in (1.0, _SHRINK):
        *sides, error = check.source.along_leaf(leaf, d, None, shrink)
        apart.append(np.array(sides) - together)
        least = _TIE_RTOL * max(size, *map(abs, sides)) + error + uncertain
        if not abs(apart[-1]).max() > least:
            return False
    change = abs(apart[1] - apart[0]).max()
    return bool(change <= _STEP_RTOL * abs(apart[0]).max())


def _within(
    check: CheckContext,
    leaf: int,
    comparison: Comparison,
    places: Sequence[list[Any]],
    total: float,
    rtol: float,
) -> np.ndarray:
    """Which coordinates lie within the slopes that coordinates have near x."""
    suspects = np.flatnonzero(comparison.suspect)
    everywhere = np.arange(len(comparison.indices))
    chosen = np.unique(
        np.concatenate(
            [
                check.rng.permutation(rows)[:_MAX_COORDINATES]
                for rows in (suspects, everywhere)
            ]
        )
    )
    indices = comparison.indices[chosen]
    near = [check.source.slopes_nearby(leaf, indices, at) for at in places]
    # In a large leaf one coordinate may have the whole slope near x, unmet.
    met = np.concatenate([[0.0, total], comparison.below, comparison.above, *near])
    low, high = _widened(met[np.isfinite(met)], share=_COORDINATE_WIDENING)
    tolerance = 4 * rtol * max(abs(low), abs(high))
    within = (comparison.gradient >= low - tolerance) & (
        comparison.gradient <= high + tolerance
    )
    return np.asarray(within)


def _widened(slopes: np.ndarray, *, share: float) -> tuple[float, float]:
    low, high = float(slopes.min()), float(slopes.max())
    more = share * (high - low)
    return low - more, high + more
