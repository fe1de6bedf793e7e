"""Suspects: coordinates whose gradient is off by more than a few roundings.

Each is measured until it is known how far gradient and slope may really differ there.
Measuring costs a dozen gradients, so the suspects of a large leaf are measured in
rounds.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from secant.checking.context import TINY, CheckContext
from secant.checking.rounding import (
    GradientAndSlope,
    rounding_spread,
    vanishes_in_float64,
)
from secant.checking.slope_source import SlopeQuery

# How many suspects of a leaf are measured at once, and how often at most.
_SUSPECTS_MEASURED = 64
_MEASURING_ROUNDS = 16

# How far a slope may be off beside the largest one, each times its x: a thousand
# roundings of float64, whatever the dtype. A slope of 1e-30 beside others of 1 has no
# digits left once 1 - y is computed with y near 1, and no dtype shows that.
_LARGEST_SLOPE_RTOL = 2.0**-42


def judge_suspects(
    check: CheckContext,
    leaf: int,
    indices: np.ndarray,
    slope: np.ndarray,
    suspect: np.ndarray,
    apart: np.ndarray,
    tolerance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The tolerance of all coordinates, and which suspects are wrong.

    Args:
        check: The check.
        leaf: Which leaf of floats.
        indices: Some of its coordinates.
        slope: Their slopes.
        suspect: Which of them are suspects, one at least.
        apart: How far the gradient is off.
        tolerance: A few roundings, and the error bar of the slope.
    """
    tolerance = tolerance + _spread_of_suspects(
        check, leaf, indices, suspect, apart, tolerance
    )
    tolerance += np.where(suspect, _beside_largest(check, leaf, indices), 0.0)
    tolerance += _doubt_of_suspects(
        check,
        SlopeQuery(leaf, indices, check.point.leaves),
        slope,
        np.where(suspect, apart / np.maximum(tolerance, TINY), np.inf),
    )
    wrong = suspect & ~(apart <= tolerance)
    vanishes = _vanishing(check, leaf, indices, wrong, apart, tolerance)
    # Rounding hides all faults of this size: the tolerance says so.
    tolerance[vanishes] += 2 * apart[vanishes]
    return tolerance, wrong & ~vanishes


def _gradient_and_slope(
    check: CheckContext, leaf: int, indices: np.ndarray
) -> GradientAndSlope:
    """Both, of some coordinates, as a function of all leaves."""

    def pair(leaves: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
        slope = check.source.one_sided(SlopeQuery(leaf, indices, leaves)).slope
        gradient = check.reference(leaves) if check.reference else check.values
        return gradient[leaf].ravel()[indices], slope

    return pair


def _spread_of_suspects(
    check: CheckContext,
    leaf: int,
    indices: np.ndarray,
    suspect: np.ndarray,
    apart: np.ndarray,
    tolerance: np.ndarray,
) -> np.ndarray:
    """The rounding spread of each suspect; 0 for all others.

    Some suspects are measured; the others are given the largest spread of these,
    relative to the tolerance. That is a guess, so no coordinate is wrong by it
    alone: those that it leaves wrong, the nearest to the tolerance first, are
    measured in turn, until all of a round are wrong.
    """
    places = np.flatnonzero(suspect)
    spread = np.zeros(len(indices))
    known = np.zeros(len(indices), bool)
    chosen = check.rng.permutation(places)[:_SUSPECTS_MEASURED]
    for _ in range(_MEASURING_ROUNDS):
        pair = _gradient_and_slope(check, leaf, indices[chosen])
        spread[chosen] = rounding_spread(check, pair)
        known[chosen] = True
        guessed = suspect & ~known
        ratio = (spread[known] / np.maximum(tolerance[known], TINY)).max()
        spread[guessed] = ratio * tolerance[guessed]
        still_wrong = guessed & (apart > tolerance + spread)
        cleared = apart[chosen] <= (tolerance + spread)[chosen]
        if not still_wrong.any() or not cleared.any():
            break
        rest = np.flatnonzero(still_wrong)
        order = np.argsort(apart[rest] / tolerance[rest])
        chosen = rest[order][:_SUSPECTS_MEASURED]
    return spread


def _beside_largest(check: CheckContext, leaf: int, indices: np.ndarray) -> np.ndarray:
    """Tolerance of small slopes beside the largest slope, each times its x.

    A fault of 0.1 % shows in all slopes but those below 2e-10 of the largest.
    """
    scales = check.point.scales(leaf).ravel()[indices]
    return _LARGEST_SLOPE_RTOL * check.largest_slope() / scales


def _doubt_of_suspects(
    check: CheckContext, query: SlopeQuery, slope: np.ndarray, off: np.ndarray
) -> np.ndarray:
    """By how much the slopes of suspects may be off; 0 for all others.

    Args:
        check: The check.
        query: Some coordinates of a leaf.
        slope: Their slopes.
        off: How far off the gradient is, in tolerances; inf where it is not. Those
            that are off least, and may be so by accident, are measured.
    """
    doubt = np.zeros(len(off))
    chosen = np.argsort(off)[:_SUSPECTS_MEASURED]
    chosen = chosen[np.isfinite(off[chosen])]
    if len(chosen):
        some = replace(query, indices=query.indices[chosen])
        doubt[chosen] = check.source.doubt(some, slope[chosen])
    return doubt


def _vanishing(
    check: CheckContext,
    leaf: int,
    indices: np.ndarray,
    wrong: np.ndarray,
    apart: np.ndarray,
    tolerance: np.ndarray,
) -> np.ndarray:
    """The mask of the differences that vanish in float64.

    The smallest are asked first: once none of a round vanishes, the larger ones
    stay as well.
    """
    vanishes = np.zeros(len(indices), bool)
    places = np.flatnonzero(wrong)
    places = places[np.argsort(apart[places] / tolerance[places])]
    for start in range(0, len(places), _SUSPECTS_MEASURED):
        chosen = places[start : start + _SUSPECTS_MEASURED]
        pair = _gradient_and_slope(check, leaf, indices[chosen])
        vanishes[chosen] = vanishes_in_float64(check, pair, apart[chosen])
        if not vanishes[chosen].any():
            break
    return vanishes
