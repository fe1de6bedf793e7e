"""From slopes and a claimed gradient to a verdict on a leaf, coordinate by coordinate.

A coordinate is beyond suspicion where the two agree to a few roundings of the dtype.
The others are looked at again:

- *kinks*: the two one-sided slopes differ by as much however small the nudge is;
- *rounding*: claim and slope are computed again at points nearby and, where that does
  not explain it, with more digits (`secant.checking.context`).

So the tolerance follows from the dtype and from what was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from secant.checking.context import SHIFTS, Case
from secant.checking.diagnosis import (
    UNKNOWN,
    Evidence,
    likely_cause,
    of_fewer_digits,
)
from secant.checking.point import as_float64
from secant.checking.report import Entry, LeafReport, Verdict
from secant.checking.slope_source import Sides
from secant.slopes.checks import entry_name

# How many suspects of a leaf are measured at a time, and how many times at most.
_MEASURED = 64
_ROUNDS = 16

_TINY = float(np.finfo(np.float64).tiny)

# One-sided slopes differ by h f'' on a curve: a gap of this many h is suspicious.
_CURVED = 100

# A gap is a kink's if it is the same, within a tenth, with nudges as much smaller.
_SHRINKS = (3.0, 7.0)
_STEADY = 0.1


@dataclass
class Finding:
    """What is known of some coordinates of a leaf; arrays of one length.

    Attributes:
        indices: Which, counted as if there was one dimension.
        gradient: The claim.
        slope: The secants'.
        below: One-sided.
        above: One-sided.
        tolerance: How far claim and slope may be apart.
        suspect: Where they are further apart than roundings explain.
        kink: Where the one-sided slopes differ and the claim is between them.
        wrong: Where the claim is wrong.
        smooth: Where the one-sided slopes agree, the better the smaller the nudge.
    """

    indices: np.ndarray
    gradient: np.ndarray
    slope: np.ndarray
    below: np.ndarray
    above: np.ndarray
    error: np.ndarray
    tolerance: np.ndarray
    suspect: np.ndarray
    kink: np.ndarray
    wrong: np.ndarray
    smooth: np.ndarray

    @property
    def off(self) -> np.ndarray:
        """How far claim and slope are apart, in units of the tolerance."""
        apart = abs(self.gradient - self.slope)
        with np.errstate(divide="ignore", invalid="ignore"):
            off = apart / self.tolerance
        return np.where(apart == 0, 0.0, np.where(self.kink, 0.0, off))

    def entry(self, place: int, leaf: str, shape: tuple[int, ...]) -> Entry:
        """One of the coordinates, for the report."""
        return Entry(
            entry_name(int(self.indices[place]), shape, leaf),
            *(
                float(array[place])
                for array in (
                    self.gradient,
                    self.slope,
                    self.error,
                    self.tolerance,
                    self.below,
                    self.above,
                )
            ),
        )


def examine(case: Case, leaf: int, indices: np.ndarray) -> Finding:
    """Looks at some coordinates of a leaf, at suspicious ones a second time."""
    gradient = case.claimed[leaf].ravel()[indices]
    sides = case.sides(leaf, indices, tell=case.tell)
    roundings = case.tolerance

    steady, smooth, sides = _kinks(case, leaf, indices, sides, gradient)
    slope = sides.slope
    below, above = sides.behind, sides.ahead
    size = np.maximum(abs(gradient), abs(slope))
    tolerance = roundings * size + sides.error
    # At a kink, each value between the two sides is as good as the other.
    nearest = np.where(
        steady,
        np.clip(gradient, np.minimum(below, above), np.maximum(below, above)),
        slope,
    )
    apart = abs(gradient - nearest)
    finite = np.isfinite(gradient) & np.isfinite(slope)
    suspect = wrong = finite & ~(apart <= tolerance)
    if suspect.any():
        tolerance += _spread(case, leaf, indices, suspect, apart, tolerance)
        tolerance += np.where(suspect, case.beside_the_largest(leaf, indices), 0.0)
        wrong = suspect & ~(apart <= tolerance)
        gone = _gone(case, leaf, indices, wrong, apart, tolerance)
        tolerance[gone] += 2 * apart[gone]
        wrong &= ~gone
    return Finding(
        indices,
        gradient,
        slope,
        below,
        above,
        sides.error + roundings / 2 * abs(slope),
        tolerance,
        suspect,
        steady & finite & ~wrong,
        wrong,
        smooth,
    )


def _kinks(
    case: Case, leaf: int, indices: np.ndarray, sides: Sides, gradient: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Sides]:
    """Where a kink is, where none is, and the slopes: beside kinks closer to x."""
    size = np.maximum(abs(sides.ahead), abs(sides.behind))
    roundings = case.tolerance
    apart = ~(abs(gradient - sides.slope) <= roundings * size + sides.error)
    # What shows a kink: sides that differ, or an error bar that nothing else explains.
    curved = 4 * roundings + _CURVED * case.slopes.step
    shown = abs(sides.gap) > curved * size
    if not case.slopes.exact:
        shown = sides.error > _STEADY * size
    places = np.flatnonzero((apart | shown) & np.isfinite(size))
    steady, smooth = np.zeros(len(indices), bool), np.isfinite(size)
    if not len(places):
        return steady, smooth, sides
    near, nearer = (
        case.sides(leaf, indices[places], shrink=shrink) for shrink in _SHRINKS
    )
    if case.slopes.exact:
        gap = sides.gap[places]
        kinks = abs(gap) > 4 * roundings * size[places]
        for closer in (near, nearer):
            kinks &= abs(closer.gap - gap) <= _STEADY * abs(gap)
        better = ~kinks
        # Where f was subtracted after all, roundings make a gap that only grows.
        little = _STEADY * size[np.isfinite(size)].max(initial=0.0)
        smooth[places] = abs(nearer.gap) <= np.maximum(abs(gap) / 2, little)
        # What h² still makes of the slope; where the slope is 0 there is nothing else.
        nearer = nearer._replace(error=nearer.error + abs(near.slope - nearer.slope))
    else:
        kinks = abs(nearer.gap) > nearer.error + roundings * abs(nearer.slope)
        better = kinks
        smooth[places] = ~kinks
    steady[places] = kinks
    return steady, smooth, sides.replaced(places[better], nearer.at(better))


def _spread(
    case: Case,
    leaf: int,
    indices: np.ndarray,
    suspect: np.ndarray,
    apart: np.ndarray,
    tolerance: np.ndarray,
) -> np.ndarray:
    """How far rounding may take each suspect's claim from its slope; 0 for all others.

    Some suspects are measured, and the largest of their spreads, relative to the
    tolerance so far, is taken for the others. Whoever is wrong even so has only been
    accused by comparison: the nearest of them are measured in turn, until all of a
    round are found wrong.
    """
    places = np.flatnonzero(suspect)
    spread = np.zeros(len(indices))
    known = np.zeros(len(indices), bool)
    chosen = case.draw.permutation(places)[:_MEASURED]
    for _ in range(_ROUNDS):
        spread[chosen] = case.scatter(case.pair(leaf, indices[chosen]))
        known[chosen] = True
        ratio = (spread[known] / np.maximum(tolerance[known], _TINY)).max()
        spread[suspect & ~known] = (ratio * tolerance)[suspect & ~known]
        accused = suspect & ~known & (apart > tolerance + spread)
        acquitted = apart[chosen] <= (tolerance + spread)[chosen]
        if not accused.any() or not acquitted.any():
            break
        rest = np.flatnonzero(accused)
        chosen = rest[np.argsort(apart[rest] / tolerance[rest])][:_MEASURED]
    return spread


def _gone(
    case: Case,
    leaf: int,
    indices: np.ndarray,
    wrong: np.ndarray,
    apart: np.ndarray,
    tolerance: np.ndarray,
) -> np.ndarray:
    """Which differences are gone in float64; the least are asked of first.

    Once all of those stay, so do the others.
    """
    gone = np.zeros(len(indices), bool)
    places = np.flatnonzero(wrong)
    places = places[np.argsort(apart[places] / tolerance[places])]
    for start in range(0, len(places), _MEASURED):
        chosen = places[start : start + _MEASURED]
        pair = case.pair(leaf, indices[chosen])
        gone[chosen] = case.gone_in_float64(pair, apart[chosen])
        if not gone[chosen].any():
            break
    return gone


def judge(
    case: Case,
    leaf: int,
    finding: Finding,
    *,
    reason: str | None = None,
    others: Sequence[np.ndarray] = (),
) -> LeafReport:
    """The verdict on a leaf.

    Args:
        case: The check.
        leaf: Which leaf of floats.
        finding: What was found of its coordinates.
        reason: How the tolerance was found, if not as `examine` does.
        others: The claims for the other leaves, should two have been exchanged.
    """
    point = case.point
    place = point.real[leaf]
    name, shape = point.names[place], tuple(np.shape(point.leaves[place]))
    verdict = _verdict(finding)
    gradient = case.claimed[leaf].reshape(shape)
    slope, off = np.full(shape, np.nan), np.full(shape, np.nan)
    slope.ravel()[finding.indices] = finding.slope
    off.ravel()[finding.indices] = finding.off
    worst = _worst(finding, verdict)
    cause = UNKNOWN
    if verdict in (Verdict.WRONG, Verdict.ROUNDING):
        cause = of_fewer_digits(gradient, slope, case.slopes.dtype)
    if cause and verdict is Verdict.ROUNDING:
        # Roundings, but none that this dtype makes.
        verdict, finding.wrong = Verdict.WRONG, finding.suspect
    if not cause and verdict in (Verdict.WRONG, Verdict.NOT_FINITE):
        cause = likely_cause(
            Evidence(
                gradient=gradient,
                slope=slope,
                x=as_float64(point.leaves[place]),
                tolerance=_scattered(shape, finding.indices, finding.tolerance),
                smooth=(_scattered(shape, finding.indices, finding.smooth) == 1)
                & np.isfinite(case.value),
                axes=case.slopes.axes,
                others=tuple(others),
            )
        )
    size = np.maximum(abs(finding.gradient), abs(finding.slope))
    seen = np.isfinite(size) & (size > 0)
    resolution = (
        float(np.median(finding.tolerance[seen] / size[seen])) if seen.any() else 0.0
    )
    return LeafReport(
        name=name,
        shape=shape,
        dtype=case.slopes.dtype.name,
        verdict=verdict,
        worst=None if worst is None else finding.entry(worst, name, shape),
        cause=cause,
        wrong=int(finding.wrong.sum()),
        kinks=tuple(
            finding.entry(int(i), name, shape)
            for i in np.flatnonzero(finding.kink)[:10]
        ),
        checked=len(finding.indices),
        resolution=resolution,
        reason=reason or _reason(case, finding),
        gradient=gradient,
        slope=slope,
        off=off,
        kinked=_scattered(shape, finding.indices, finding.kink) == 1,
    )


def _verdict(finding: Finding) -> Verdict:
    if not np.isfinite([finding.gradient, finding.slope]).all():
        return Verdict.NOT_FINITE
    if finding.wrong.any():
        return Verdict.WRONG
    if finding.kink.any():
        return Verdict.KINK
    return Verdict.ROUNDING if finding.suspect.any() else Verdict.RIGHT


def _worst(finding: Finding, verdict: Verdict) -> int | None:
    if not len(finding.indices):
        return None
    if verdict is Verdict.NOT_FINITE:
        return int(np.argmin(np.isfinite(finding.gradient + finding.slope)))
    if verdict is Verdict.KINK:
        return int(np.argmax(finding.kink))
    return int(np.argmax(finding.off))


def _reason(case: Case, finding: Finding) -> str:
    text = (
        f"tolerance: {case.roundings} roundings of {case.slopes.dtype.name}, "
        f"{case.tolerance:.1g} of the slope"
    )
    if not case.slopes.exact:
        text += "; the error bar of the secant"
    if finding.suspect.any():
        text += (
            f"; {case.deviations} standard deviations of what changes unsteadily "
            f"where x is moved by up to {case.shift:.1g} of itself, {SHIFTS} times"
        )
        if case.slopes.exact and case.slopes.dtype != np.float64:
            text += "; what is gone in float64 is rounding"
    return text


def _scattered(
    shape: tuple[int, ...], indices: np.ndarray, values: np.ndarray
) -> np.ndarray:
    whole = np.full(shape, np.nan)
    whole.ravel()[indices] = values
    return whole
