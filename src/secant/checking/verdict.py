"""The verdict on a gradient: what decides between right, rounding, kink and wrong.

The gradient g of each coordinate is compared with its measured slope s. A right
gradient and a right slope differ by a few roundings of the dtype, and s has an error
bar of its own, so that a coordinate is *right* where

    |g - s| ≤ tolerance = roundings · eps · max(|g|, |s|) + error bar of s

Where they differ by more, the coordinate is *suspect*, and these questions are asked:

1. Is there a *kink*? Then the one-sided slopes differ by an amount that does not shrink
   with the step, and every value between them is right (`kinks.py`).
2. Is the difference *rounding*? Then it changes erratically where x moves a little, or
   vanishes in float64 (`rounding.py`, asked by `suspects.py`).
3. Are numbers *tied* at x, so that f has no gradient there (`ties.py`)?
4. What no measurement explains is *wrong*.

Where a measurement could not have shown a fault, the verdict is *inconclusive*
(`resolution.py`). So no tolerance is a fixed number: each follows from the dtype and
from what was measured.
"""

from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from secant.checking.context import CheckContext
from secant.checking.diagnosis import UNKNOWN, Cause, likely_cause, lost_digits
from secant.checking.evidence import Comparison, Evidence
from secant.checking.kinks import find_kinks
from secant.checking.point import as_float64
from secant.checking.resolution import is_coarse, is_lost
from secant.checking.slope_source import SlopeQuery
from secant.checking.suspects import judge_suspects
from secant.checking.ties import Tie, find_tie


class Verdict(StrEnum):
    """The verdict on the gradient of a leaf; later ones are worse."""

    RIGHT = "right"
    ROUNDING = "rounding"
    KINK = "kink"
    TIE = "tie"
    INCONCLUSIVE = "inconclusive"
    WRONG = "wrong"
    NOT_FINITE = "not finite"


class Judgement(NamedTuple):
    """The verdict on a leaf, its likeliest cause and the comparison behind both."""

    verdict: Verdict
    cause: Cause
    comparison: Comparison


def judge(check: CheckContext, leaf: int, indices: np.ndarray) -> Judgement:
    """The verdict on a leaf, from some of its coordinates.

    Args:
        check: The check.
        leaf: Which leaf of floats.
        indices: Which coordinates, as indices into the flattened leaf.
    """
    comparison = _compare(check, leaf, indices)
    tie = find_tie(check, leaf, comparison)
    if tie and tie.decides(comparison):
        verdict = Verdict.WRONG if tie.off else Verdict.TIE
        wrong = np.full(len(indices), tie.off)
        comparison = replace(comparison, wrong=wrong)
        cause = likely_cause(_evidence(check, leaf, comparison, tie))
        return Judgement(verdict, cause, comparison)
    verdict = _verdict_of(comparison)
    # An exact slope of 0 is 0 to the last digit, unless these were lost.
    seen = comparison.gradient.any() or not check.source.exact
    unknown = False
    if verdict is Verdict.ROUNDING or (verdict is Verdict.RIGHT and seen):
        unknown = is_coarse(check, leaf, comparison)
    elif verdict is Verdict.RIGHT:
        unknown = is_lost(check, leaf, comparison)
    if unknown:
        verdict = Verdict.INCONCLUSIVE
    if verdict in (Verdict.RIGHT, Verdict.KINK, Verdict.INCONCLUSIVE):
        return Judgement(verdict, UNKNOWN, comparison)
    evidence = _evidence(check, leaf, comparison)
    if verdict is Verdict.NOT_FINITE:
        return Judgement(verdict, likely_cause(evidence), comparison)
    cause = lost_digits(evidence)
    if verdict is Verdict.ROUNDING:
        if cause:
            # These are roundings, but none that this dtype makes.
            verdict = Verdict.WRONG
            comparison = replace(comparison, wrong=comparison.suspect)
        return Judgement(verdict, cause, comparison)
    return Judgement(verdict, cause or likely_cause(evidence), comparison)


def judge_shape(check: CheckContext, leaf: int) -> Judgement:
    """The verdict on a leaf whose gradient has another shape: wrong."""
    every = np.arange(int(np.size(check.point.leaves[check.point.real[leaf]])))
    query = SlopeQuery(leaf, every, check.point.leaves, progress=check.progress)
    sides = check.source.one_sided(query)
    comparison = Comparison.of_another_shape(sides, check.precision.eps)
    cause = likely_cause(_evidence(check, leaf, comparison))
    return Judgement(Verdict.WRONG, cause, comparison)


def _compare(check: CheckContext, leaf: int, indices: np.ndarray) -> Comparison:
    """Compares some coordinates of a leaf, and measures the suspects."""
    gradient = check.values[leaf].ravel()[indices]
    sides = check.one_sided_slopes(leaf, indices, progress=check.progress)
    kink, jump, smooth, sides = find_kinks(check, leaf, indices, sides, gradient)
    slope, below, above = sides.slope, sides.behind, sides.ahead
    roundings = check.precision.tolerance
    tolerance = roundings * np.maximum(abs(gradient), abs(slope)) + sides.error
    # At a kink, every value between the one-sided slopes is right.
    between = np.clip(gradient, np.minimum(below, above), np.maximum(below, above))
    apart = abs(gradient - np.where(kink, between, slope))
    finite = np.isfinite(gradient) & np.isfinite(slope)
    # What a jump makes of the slopes nearby is no rounding.
    suspect = wrong = finite & ~jump & ~(apart <= tolerance)
    if suspect.any():
        tolerance, wrong = judge_suspects(
            check, leaf, indices, slope, suspect, apart, tolerance
        )
    suspect, wrong = suspect | (jump & finite), wrong | (jump & finite)
    return Comparison(
        indices,
        gradient,
        slope,
        below,
        above,
        sides.error + roundings / 2 * abs(slope),
        tolerance,
        suspect,
        kink & finite & ~wrong,
        wrong,
        smooth,
        jump,
    )


def _evidence(
    check: CheckContext, leaf: int, comparison: Comparison, tie: Tie | None = None
) -> Evidence:
    x = as_float64(check.point.leaves[check.point.real[leaf]])
    smooth = comparison.in_shape(comparison.smooth, x.shape) == 1
    return Evidence(
        gradient=check.values[leaf],
        slope=comparison.in_shape(comparison.slope, x.shape),
        x=x,
        tolerance=comparison.in_shape(comparison.tolerance, x.shape),
        smooth=smooth & np.isfinite(check.value),
        axes=check.source.axes,
        others=tuple(g for i, g in enumerate(check.values) if i != leaf),
        dtype=check.source.dtype,
        branches=check.source.branches,
        tie=tie and (tie.gradient, tie.slope, tie.off),
        jump=comparison.in_shape(comparison.jump, x.shape) == 1,
    )


def _verdict_of(comparison: Comparison) -> Verdict:
    """The verdict on some coordinates: that of the worst."""
    if not np.isfinite([comparison.gradient, comparison.slope]).all():
        return Verdict.NOT_FINITE
    if comparison.wrong.any():
        return Verdict.WRONG
    if comparison.kink.any():
        return Verdict.KINK
    return Verdict.ROUNDING if comparison.suspect.any() else Verdict.RIGHT
