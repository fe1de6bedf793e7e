"""Kinks and jumps: coordinates where f has no slope, or one on each side."""

import math
from typing import NamedTuple

import numpy as np

from secant.checking.context import CheckContext
from secant.checking.slope_source import OneSidedSlopes, SlopeQuery

# On a smooth curve the one-sided slopes differ by h f''. They are looked at again where
# they differ by this many h.
_CURVATURE_LIMIT = 100

# The step is made smaller by these factors. At a kink the difference between the
# one-sided slopes stays the same, up to this relative change.
_KINK_SHRINKS = (3.0, 7.0)
_KINK_RTOL = 0.1


class Kinks(NamedTuple):
    """The shape of f at some coordinates; arrays of one length.

    Attributes:
        kink: Where the one-sided slopes differ, however small the step.
        jump: Where f jumps.
        smooth: Where the one-sided slopes agree, the better the smaller the step.
        sides: The one-sided slopes, those that avoid kinks nearby.
    """

    kink: np.ndarray
    jump: np.ndarray
    smooth: np.ndarray
    sides: OneSidedSlopes


def find_kinks(
    check: CheckContext,
    leaf: int,
    indices: np.ndarray,
    sides: OneSidedSlopes,
    gradient: np.ndarray,
) -> Kinks:
    """Kinks, jumps, smooth coordinates, and slopes that avoid kinks nearby.

    With the one-sided slopes s₊ = (f(x + h) - f(x)) / h and s₋, Taylor's series
    gives, where f is smooth,

        s₊ - s₋ = h f'' + O(h³),    which shrinks with h;

    where f has a kink at x, s₊ - s₋ tends to the jump of the slope, f'₊ - f'₋,
    which is the same for every h. A kink beside x, at a distance d < h, adds
    (1 - d/h) of its jump, which changes with h and vanishes once h < d.

    So the slopes are measured again with h/3 and h/7. The gap belongs to a kink at
    x if it stays the same to a tenth both times. Where it does not, the slopes of
    the smallest step replace the first ones: they lie closer to x than a kink
    nearby. What h² still makes of them shows in the change from h/3 to h/7, which
    is added to their error bar.

    A jump J of f at x adds J/h, which grows as h shrinks: to the gap, or, where f jumps
    by as much on both sides, to both slopes. One that is far larger than a rounding of
    f is no rounding, however erratic it is.

    Slopes that were sampled have error bars instead. There the one-sided slopes
    differ by more than these bars at a kink, and only at a kink; jumps are looked
    for a few roundings away.
    """
    size = np.maximum(abs(sides.ahead), abs(sides.behind))
    roundings = check.precision.tolerance
    apart = ~(abs(gradient - sides.slope) <= roundings * size + sides.error)
    # A kink shows by one-sided slopes that differ, or by a large error bar.
    curved = 4 * roundings + _CURVATURE_LIMIT * check.source.step
    shown = abs(sides.gap) > curved * size
    if not check.source.exact:
        shown = sides.error > _KINK_RTOL * size
    kink, smooth = np.zeros(len(indices), bool), np.isfinite(size)
    jump, sides = _sampled_jumps(check, leaf, indices, sides)
    places = np.flatnonzero((apart | shown) & np.isfinite(size) & ~jump)
    if not len(places):
        return Kinks(kink, jump, smooth & ~jump, sides)
    near, nearest = (
        check.one_sided_slopes(leaf, indices[places], shrink=shrink)
        for shrink in _KINK_SHRINKS
    )
    if check.source.exact:
        gap = sides.gap[places]
        is_kink = abs(gap) > 4 * roundings * size[places]
        for closer in (near, nearest):
            is_kink &= abs(closer.gap - gap) <= _KINK_RTOL * abs(gap)
        jump[places] = _jumps(
            check, leaf, indices[places], sides.at(places), near, nearest
        )
        better = ~is_kink & ~jump[places]
        # Where values were subtracted after all, the gap of roundings only grows.
        little = _KINK_RTOL * size[np.isfinite(size)].max(initial=0.0)
        smooth[places] = abs(nearest.gap) <= np.maximum(abs(gap) / 2, little)
        change = abs(near.slope - nearest.slope)
        nearest = nearest._replace(error=nearest.error + change)
        limits = _one_sided_limits(near, nearest)
        sides = sides.replaced(places[is_kink], limits.at(is_kink))
    else:
        is_kink = abs(nearest.gap) > nearest.error + roundings * abs(nearest.slope)
        better = is_kink
        smooth[places] = ~is_kink
    kink[places] = is_kink
    sides = sides.replaced(places[better], nearest.at(better))
    return Kinks(kink, jump, smooth, sides)


def _sampled_jumps(
    check: CheckContext, leaf: int, indices: np.ndarray, sides: OneSidedSlopes
) -> tuple[np.ndarray, OneSidedSlopes]:
    """Where values jump, and the slopes with J/h in these places."""
    query = SlopeQuery(leaf, indices, check.point.leaves)
    ahead, behind = check.source.jumps(query, _least_jump(check))
    jump = (ahead != 0) | (behind != 0)
    steps = check.source.step * check.nudge_sizes(leaf)[indices][jump]
    slopes = OneSidedSlopes(ahead[jump] / steps, behind[jump] / steps, 0 * steps)
    return jump, sides.replaced(np.flatnonzero(jump), slopes)


def _least_jump(check: CheckContext) -> float:
    """Above which a change of f at one point is no rounding, however erratic."""
    return math.sqrt(check.precision.eps) * abs(check.value)


def _jumps(
    check: CheckContext,
    leaf: int,
    indices: np.ndarray,
    sides: OneSidedSlopes,
    near: OneSidedSlopes,
    nearest: OneSidedSlopes,
) -> np.ndarray:
    """Where the gap or the slopes grow as 1/h, by more than roundings of f."""
    steps = check.source.step * check.nudge_sizes(leaf)[indices]

    def grows(first: np.ndarray, *closer: np.ndarray) -> np.ndarray:
        jumps = abs(first) * steps > _least_jump(check)
        for there, shrink in zip(closer, _KINK_SHRINKS, strict=True):
            jumps &= abs(there - shrink * first) <= _KINK_RTOL * shrink * abs(first)
        return jumps

    return grows(sides.gap, near.gap, nearest.gap) | grows(
        sides.slope, near.slope, nearest.slope
    )


def _one_sided_limits(near: OneSidedSlopes, nearest: OneSidedSlopes) -> OneSidedSlopes:
    """One-sided slopes at step 0 from those at h/3 and h/7.

    A one-sided slope is f' + h f''/2 + O(h²), so that with the steps a > b

        s(0) = s(b) + (s(b) - s(a)) b / (a - b) + O(h²).

    A gradient on a kink may equal a one-sided slope to the last digit, as JAX's of selu
    does at 0, and would lie outside of those of any h > 0.
    """
    wide, narrow = (1 / shrink for shrink in _KINK_SHRINKS)
    weight = narrow / (wide - narrow)
    ahead, behind = (
        here + weight * (here - there)
        for here, there in (
            (nearest.ahead, near.ahead),
            (nearest.behind, near.behind),
        )
    )
    return OneSidedSlopes(ahead, behind, nearest.error)
