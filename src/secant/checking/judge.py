"""From slopes and a claimed gradient to a verdict on a leaf, coordinate by coordinate.

A coordinate is beyond suspicion where the two agree to a few roundings of the dtype.
The others are looked at again:

- *kinks*: the two one-sided slopes differ by as much however small the nudge is;
- *rounding*: claim and slope are computed again at points nearby, along a line. There
  a fault changes smoothly, by little; what the dtype cannot show comes out otherwise
  each time (as in stochastic arithmetic: Vignes 1993, "A stochastic arithmetic for
  reliable scientific computation", Math. Comput. Simul. 35, 233-261).

So the tolerance follows from the dtype and from what was measured.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jax.numpy as jnp
import numpy as np

from secant.checking.causes import Evidence, likely_cause, of_fewer_digits
from secant.checking.report import Entry, LeafReport, Verdict
from secant.checking.slopes import Sides
from secant.checking.tree import Point, as_float64, entry_name

_SHIFTS = 12
"""How often x is moved a little to see what that changes."""

# Roundings of a saturated sigmoid come in stairs, and others are smooth over a small
# part of x: both are seen further off, where a fault of high frequency scatters, too.
# So that is believed only of what is off by less than a tenth.
_NEAR = 0.1

# How many roundings of the largest slope times its x a slope times its x has to be to
# be told at all. Below, 1e-30 may come out as 0: 1 - y of a y near 1.
_VANISHING = 4

# What changes as a parabola along the line on which x is moved is the function or the
# fault. Without this a fault in sin(1000 x) would scatter enough to pass in float32.
_SMOOTH = 2

# How many roundings apart two right results may be: functions are good to some four
# each, and there are sums and products of them. What is computed in 16 bits is
# computed in 32 and rounded once.
_ROUNDINGS, _ROUNDINGS_OF_16_BITS = 16, 4

# How many standard deviations a fault has to stand out by, for each of these
# roundings. A rounding scatters by 0.3 of itself; but functions of float32 are off by
# several, and by the same beside x: what cancellation makes of them does not scatter,
# and is taken to be as much larger as they are. (16 bits scatter less beside x.)
_DEVIATIONS, _DEVIATIONS_OF_16_BITS = 3, 6

# How many suspects of a leaf are measured at a time, and how many times at most.
_MEASURED = 64
_ROUNDS = 16

_TINY = float(np.finfo(np.float64).tiny)

# One-sided slopes differ by h f'' on a curve: a gap of this many h is suspicious.
_CURVED = 100

# A gap is a kink's if it is the same, within a tenth, with nudges as much smaller.
_SHRINKS = (3.0, 7.0)
_STEADY = 0.1


class Slopes(Protocol):
    """Where slopes come from."""

    exact: bool
    """Whether differences are carried: no error but of roundings and of h itself."""
    traceable: bool
    """Whether JAX can trace the function."""
    dtype: np.dtype
    """The coarsest in use: no result can be better."""
    step: float
    """How far a coordinate is nudged, relative to its size."""
    axes: frozenset[int]
    """The lengths of all axes that occur."""

    def each(
        self,
        leaf: int,
        indices: np.ndarray,
        *,
        shrink: float = 1.0,
        leaves: Sequence[Any] | None = None,
        tell: Callable[[int], object] = lambda done: None,
    ) -> Sides:
        """One-sided slopes along some coordinates of a leaf."""
        ...


Claim = Callable[[Sequence[Any]], list[np.ndarray]]
"""The gradient that is checked: all leaves in, an array for each leaf of floats out."""


@dataclass
class Case:
    """All that is known while a gradient is checked.

    Attributes:
        point: Where.
        slopes: Where slopes come from.
        claim: The gradient as a function of the leaves; None if only its values at
            the point are known.
        claimed: Its values at the point.
        draw: For shifts and signs.
        tell: Called with how many coordinates were nudged since it was called last.
    """

    point: Point
    slopes: Slopes
    claim: Claim | None
    claimed: list[np.ndarray]
    draw: np.random.Generator
    tell: Callable[[int], object] = lambda done: None

    @property
    def unit(self) -> float:
        """One rounding, relative."""
        return float(jnp.finfo(self.slopes.dtype).eps)

    @property
    def roundings(self) -> int:
        """How many of them two right results may be apart."""
        return _ROUNDINGS if self._wide else _ROUNDINGS_OF_16_BITS

    @property
    def tolerance(self) -> float:
        """These roundings, relative."""
        return self.roundings * self.unit

    @property
    def deviations(self) -> int:
        """How many standard deviations a fault stands out by."""
        many = _DEVIATIONS if self._wide else _DEVIATIONS_OF_16_BITS
        return many * self.roundings

    @property
    def _wide(self) -> bool:
        return jnp.finfo(self.slopes.dtype).bits > 16

    @property
    def shift(self) -> float:
        """How far x is moved to round everything otherwise, relative to its size.

        Far enough for what is near a limit to be rounded otherwise as well, and so
        little that a fault stays what it is.
        """
        return math.sqrt(self.unit) if self._wide else 2 * self.unit

    def scatter(
        self, pair: Callable[[list[Any]], Any], near: np.ndarray | bool = True
    ) -> np.ndarray:
        """How far claim and slope may be apart by rounding: these deviations of that.

        Args:
            pair: Claim and slope from all leaves: numbers, or arrays of one shape.
            near: Where the two are so near that x may be moved further.
        """
        rough = self._roughness(pair, self.shift)
        if self._wide and np.any(near):
            further = self._roughness(pair, math.sqrt(self.shift))
            rough = np.where(near, np.maximum(rough, further), rough)
        return self.deviations * rough

    @property
    def largest(self) -> float:
        """The largest slope that is claimed."""
        claimed = np.concatenate([np.ravel(claim) for claim in self.claimed])
        return float(abs(claimed[np.isfinite(claimed)]).max(initial=0.0))

    def vanishing(self, leaf: int, indices: np.ndarray) -> np.ndarray:
        """How small a slope is too small to be told beside the others."""
        largest = max(
            (
                np.nanmax(abs(np.where(np.isfinite(g), g, 0.0)) * self._sizes(i))
                for i, g in enumerate(self.claimed)
                if g.size and g.shape == self._sizes(i).shape
            ),
            default=0.0,
        )
        return _VANISHING * self.unit * largest / self._sizes(leaf).ravel()[indices]

    def _sizes(self, leaf: int) -> np.ndarray:
        x = abs(as_float64(self.point.leaves[self.point.real[leaf]]))
        typical = math.sqrt(float(np.mean(x**2))) if x.size else 0.0
        return np.maximum(x, typical or 1.0)

    def _roughness(self, pair: Callable[[list[Any]], Any], shift: float) -> np.ndarray:
        """The standard deviation of what is not smooth along a line."""
        places = self.draw.uniform(-1, 1, _SHIFTS)
        powers = np.vander(places, _SMOOTH + 1)
        line = self._directions()
        if self._wide:
            shifts = [[shift * t * d for d in line] for t in places]
        else:
            # Over a few roundings nothing is smooth, and no three points on a line.
            powers = powers[:, -1:]
            shifts = [[shift * d for d in self._directions()] for _ in places]
        found = np.array([pair(self._moved(by)) for by in shifts])
        claims, slopes = np.moveaxis(found, 1, 0)
        shape = slopes.shape[1:]
        apart = (claims - slopes).reshape(_SHIFTS, -1)
        rough = apart - powers @ (np.linalg.pinv(powers) @ apart)
        variance = (rough**2).sum(0) / (_SHIFTS - powers.shape[1])
        return np.sqrt(variance).reshape(shape)

    def _directions(self) -> list[np.ndarray]:
        shapes = [np.shape(self.point.leaves[i]) for i in self.point.real]
        return [self.draw.uniform(-1, 1, shape) for shape in shapes]

    def _moved(self, by: Sequence[np.ndarray]) -> list[Any]:
        leaves = []
        for i, part in zip(self.point.real, by, strict=True):
            leaf = self.point.leaves[i]
            x = as_float64(leaf)
            moved = (x + part * x).astype(leaf.dtype)
            leaves.append(moved if isinstance(leaf, np.ndarray) else jnp.asarray(moved))
        return self.point.with_real(leaves)


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
            entry_name(leaf, int(self.indices[place]), shape),
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
    sides = case.slopes.each(leaf, indices, tell=case.tell)
    # A change that is lost on the way is multiplied by all that would have followed.
    sides = sides._replace(
        error=sides.error * max(1.0, case.largest) if case.slopes.exact else sides.error
    )
    roundings = case.tolerance

    steady, smooth, sides = _kinks(case, leaf, indices, sides, gradient)
    if case.slopes.exact:
        sides = _closer(case, leaf, indices, sides, gradient, ~steady)
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
    finite = np.isfinite(gradient) & np.isfinite(slope)
    suspect = finite & ~(abs(gradient - nearest) <= tolerance)
    wrong = suspect.copy()
    if suspect.any():
        tolerance += _spread(case, leaf, indices, suspect, gradient, tolerance, nearest)
        least = case.vanishing(leaf, indices)
        far = abs(gradient - nearest) > _NEAR * size
        tolerance += np.where(suspect & (far | (size <= least)), least, 0.0)
        wrong = suspect & ~(abs(gradient - nearest) <= tolerance)
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
    shown = sides.gap > curved * size
    if not case.slopes.exact:
        shown = sides.error > _STEADY * size
    places = np.flatnonzero((apart | shown) & np.isfinite(size))
    steady, smooth = np.zeros(len(indices), bool), np.isfinite(size)
    if not len(places):
        return steady, smooth, sides
    near, nearer = (
        case.slopes.each(leaf, indices[places], shrink=shrink) for shrink in _SHRINKS
    )
    if case.slopes.exact:
        gap = (sides.ahead - sides.behind)[places]
        kinks = abs(gap) > 4 * roundings * size[places]
        for closer in (near, nearer):
            now = closer.ahead - closer.behind
            kinks &= abs(now - gap) <= _STEADY * abs(gap)
        better = ~kinks
        # Where f was subtracted after all, roundings make a gap that only grows.
        little = _STEADY * size[np.isfinite(size)].max(initial=0.0)
        smooth[places] = (nearer.gap <= abs(gap) / 2) | (nearer.gap <= little)
        # What h² still makes of the slope; where the slope is 0 there is nothing else.
        nearer = nearer._replace(error=nearer.error + abs(near.slope - nearer.slope))
    else:
        kinks = nearer.gap > nearer.error + roundings * abs(nearer.slope)
        better = kinks
        smooth[places] = ~kinks
    steady[places] = kinks
    arrays = [array.copy() for array in sides]
    for array, new in zip(arrays, nearer, strict=True):
        array[places[better]] = new[better]
    return steady, smooth, Sides(*arrays)


def _closer(
    case: Case,
    leaf: int,
    indices: np.ndarray,
    sides: Sides,
    gradient: np.ndarray,
    where: np.ndarray,
) -> Sides:
    """Smaller nudges where claim and slope are apart: the formula's h² may be all.

    So it is of x³ at 0. With h / 7 a 49th of it is left: a 48th of what changed.
    """
    apart = abs(gradient - sides.slope)
    size = np.maximum(abs(gradient), abs(sides.slope))
    places = np.flatnonzero(where & (apart > case.tolerance * size + sides.error))
    if not len(places):
        return sides
    new = case.slopes.each(leaf, indices[places], shrink=_SHRINKS[-1])
    left = _SHRINKS[-1] ** 2 - 1
    error = new.error + 2 * abs(new.slope - sides.slope[places]) / left
    arrays = [array.copy() for array in sides]
    for array, part in zip(arrays, (new.ahead, new.behind, error), strict=True):
        array[places] = part
    return Sides(*arrays)


def _spread(
    case: Case,
    leaf: int,
    indices: np.ndarray,
    suspect: np.ndarray,
    gradient: np.ndarray,
    tolerance: np.ndarray,
    nearest: np.ndarray,
) -> np.ndarray:
    """How far rounding may take each suspect's claim from its slope; 0 for all others.

    Some suspects are measured, and the largest of their spreads, relative to the
    tolerance so far, is taken for the others. Whoever is wrong even so has only been
    accused by comparison: the nearest of them are measured in turn, until all of a
    round are found wrong.
    """
    places = np.flatnonzero(suspect)
    apart = abs(gradient - nearest)
    near = apart <= _NEAR * np.maximum(abs(gradient), abs(nearest))
    spread = np.zeros(len(indices))
    known = np.zeros(len(indices), bool)
    chosen = case.draw.permutation(places)[:_MEASURED]
    for _ in range(_ROUNDS):
        spread[chosen] = _measured(
            case, leaf, indices[chosen], gradient[chosen], near[chosen]
        )
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


def _measured(
    case: Case,
    leaf: int,
    indices: np.ndarray,
    gradient: np.ndarray,
    near: np.ndarray,
) -> np.ndarray:
    """How claim less slope scatters where x is moved a little."""

    def pair(leaves: list[Any]) -> tuple[np.ndarray, np.ndarray]:
        claim = case.claim(leaves)[leaf].ravel()[indices] if case.claim else gradient
        return claim, case.slopes.each(leaf, indices, leaves=leaves).slope

    return case.scatter(pair, near)


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
    cause = ""
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
                smooth=_scattered(shape, finding.indices, finding.smooth) == 1,
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
            f"where x is moved by up to {case.shift:.1g} of itself, {_SHIFTS} times"
        )
    return text


def _scattered(
    shape: tuple[int, ...], indices: np.ndarray, values: np.ndarray
) -> np.ndarray:
    whole = np.full(shape, np.nan)
    whole.ravel()[indices] = values
    return whole
