"""The verdict on a gradient: what decides between right, rounding, kink and wrong.

The gradient g of each coordinate is compared with its measured slope s. A right
gradient and a right slope differ by a few roundings of the dtype, and s has an error
bar of its own, so that a coordinate is *right* where

    |g - s| ≤ tolerance = roundings · eps · max(|g|, |s|) + error bar of s

Where they differ by more, the coordinate is *suspect*, and these questions are asked:

1. Is there a *kink*? Then the one-sided slopes differ by an amount that does not shrink
   with the step, and every value between them is right (`_find_kinks`).
2. Is the difference *rounding*? Rounding is measured in two ways. It changes
   erratically where x moves a little, and a fault does not (`rounding_spread`). And it
   vanishes in float64, where a fault stays (`vanishes_in_float64`).
3. Are numbers *tied* at x, so that f has no gradient there (`ties`)?
4. What no measurement explains is *wrong*.

So no tolerance is a fixed number: each follows from the dtype and from what was
measured.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from secant.checking.diagnosis import UNKNOWN, Cause, likely_cause, lost_digits
from secant.checking.evidence import Comparison, Evidence
from secant.checking.point import Point, as_float64, in_kind_of
from secant.checking.slope_source import (
    ERROR_BARS,
    OneSidedSlopes,
    SlopeQuery,
    SlopeSource,
)
from secant.checking.ties import Tie, find_tie

PERTURBATIONS = 12
"""At how many points near x rounding is measured."""

# How many suspects of a leaf are measured at once, and how often at most.
_SUSPECTS_MEASURED = 64
_MEASURING_ROUNDS = 16

# Values alone do not tell what they would be in float64. They may be rounded this many
# times as much as JAX's own gradient of the same function is.
_VALUES_ROUNDING = 4

# How far a slope may be off beside the largest one, each times its x: a thousand
# roundings of float64, whatever the dtype. A slope of 1e-30 beside others of 1 has no
# digits left once 1 - y is computed with y near 1, and no dtype shows that.
_LARGEST_SLOPE_RTOL = 2.0**-42

# On a smooth curve the one-sided slopes differ by h f''. They are looked at again where
# they differ by this many h.
_CURVATURE_LIMIT = 100

# The step is made smaller by these factors. At a kink the difference between the
# one-sided slopes stays the same, up to this relative change.
_KINK_SHRINKS = (3.0, 7.0)
_KINK_RTOL = 0.1

# Of how many slopes of 0 it is asked whether rounding made them so.
_BLANKS_MEASURED = 16

_TINY = float(np.finfo(np.float64).tiny)

GradientFunction = Callable[[Sequence[Any]], list[np.ndarray]]
"""A gradient: all leaves in, an array for each leaf of floats out."""

GradientAndSlope = Callable[[Sequence[Any]], tuple[Any, Any]]
"""Gradient and slope as a function of all leaves: numbers, or arrays of one shape."""


RESOLUTION_LIMIT = 0.5
"""Reach of errors above which nothing is known, relative to a leaf's largest slope."""

_UNUSED_RTOL = 1e-5
"""Tolerance below which a slope of 0 is one, relative to f's value and slopes."""


class Verdict(StrEnum):
    """The verdict on the gradient of a leaf; later ones are worse."""

    RIGHT = "right"
    ROUNDING = "rounding"
    KINK = "kink"
    TIE = "tie"
    INCONCLUSIVE = "inconclusive"
    WRONG = "wrong"
    NOT_FINITE = "not finite"


@dataclass(frozen=True)
class Precision:
    """The relative tolerances that the digits of a dtype allow.

    One rounding is uniform over eps, so that its standard deviation is σ = 0.3 eps.
    But XLA's functions of float32 and float64 are off by up to four eps, and by the
    same ones for all x nearby; they are summed and multiplied, so that a right result
    may be off by 16 eps, of which only σ scatters. Where cancellation magnifies errors
    by A, what is measured is 0.3 A eps, and what has to be allowed 16 A eps: 16 / 0.3
    of the measured standard deviations, which is 3 for each rounding.

    A result in 16 bits is computed in 32 and rounded once: 4 eps are enough. Its x
    moves by so few roundings that they scatter half as much: 6 for each rounding.

    Attributes:
        eps: One rounding.
        roundings: By how many roundings two right results may differ.
        deviations: By how many standard deviations of the measured rounding a fault has
            to stand out.
        shift: How far x is moved, relative to its size, so that all is rounded anew:
            so far that what is near a limit is rounded differently too, and so little
            that a fault stays what it is.
        degree: The degree of the polynomial that a fault follows over such a shift.
    """

    eps: float
    roundings: int
    deviations: int
    shift: float
    degree: int

    @classmethod
    def of(cls, dtype: np.dtype) -> "Precision":
        """The precision of a dtype."""
        eps = float(jnp.finfo(dtype).eps)
        if jnp.finfo(dtype).bits > 16:
            return cls(eps, 16, 3 * 16, shift=math.sqrt(eps), degree=2)
        # Over a few roundings nothing is smooth, and no three points lie on a line.
        return cls(eps, 4, 6 * 4, shift=2 * eps, degree=0)

    @property
    def tolerance(self) -> float:
        """By how much two right results may differ, relative to the larger."""
        return self.roundings * self.eps


class Judgement(NamedTuple):
    """The verdict on a leaf, its likeliest cause and the comparison behind both."""

    verdict: Verdict
    cause: Cause
    comparison: Comparison


@dataclass(frozen=True)
class GradientCheck:
    """A gradient and the slopes of its function, to be compared at one point.

    Attributes:
        point: Where.
        source: Where slopes come from.
        function: The gradient as a function of the leaves; None if only its values at
            the point are known.
        values: The values of the gradient at the point.
        reference: A function that is rounded as the gradient is: the gradient itself;
            where only values are known, JAX's own, if there is one.
        value: What the function returned.
        rng: Draws shifts of x, and directions.
        progress: Called with how many coordinates were nudged since the last call.
    """

    point: Point
    source: SlopeSource
    function: GradientFunction | None
    values: list[np.ndarray]
    reference: GradientFunction | None
    value: float
    rng: np.random.Generator
    progress: Callable[[int], object] = lambda done: None

    @cached_property
    def precision(self) -> Precision:
        """The precision of the coarsest dtype of the program."""
        return Precision.of(self.source.dtype)

    def judge(self, leaf: int, indices: np.ndarray) -> Judgement:
        """The verdict on a leaf, from some of its coordinates."""
        comparison = self._compare(leaf, indices)
        tie = self._tie(leaf, comparison)
        if tie and self._decides(tie, comparison):
            verdict = Verdict.WRONG if tie.off else Verdict.TIE
            wrong = np.full(len(indices), tie.off)
            comparison = replace(comparison, wrong=wrong)
            cause = likely_cause(self._evidence(leaf, comparison, tie))
            return Judgement(verdict, cause, comparison)
        verdict = _verdict_of(comparison)
        # An exact slope of 0 is 0 to the last digit, unless these were lost.
        seen = comparison.gradient.any() or not self.source.exact
        unknown = False
        if verdict is Verdict.ROUNDING or (verdict is Verdict.RIGHT and seen):
            unknown = self._is_coarse(leaf, comparison)
        elif verdict is Verdict.RIGHT:
            unknown = self._is_lost(leaf, comparison)
        if unknown:
            verdict = Verdict.INCONCLUSIVE
        if verdict in (Verdict.RIGHT, Verdict.KINK, Verdict.INCONCLUSIVE):
            return Judgement(verdict, UNKNOWN, comparison)
        evidence = self._evidence(leaf, comparison)
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

    def _tie(self, leaf: int, comparison: Comparison) -> Tie | None:
        """The tie at the point, if all coordinates of the leaf were compared."""
        sizes = self.point.nudge_sizes(leaf, _TINY).ravel()
        finite = np.isfinite(comparison.gradient) & np.isfinite(comparison.slope)
        if (
            not self.source.may_tie
            or comparison.jump.any()
            or len(comparison.indices) != len(sizes)
            or len(sizes) < 2
            or not finite.all()
        ):
            return None
        return find_tie(self, leaf, comparison, sizes, self.precision.tolerance)

    @staticmethod
    def _decides(tie: Tie, comparison: Comparison) -> bool:
        """Whether a tie explains all that is off, or shows what nothing else does."""
        if tie.off:
            # Where all slopes are 0, the tie alone shows what they should be.
            return not comparison.wrong.any() or not comparison.slope.any()
        suspect = comparison.suspect & ~comparison.kink
        return bool(suspect.any() and tie.within[suspect].all())

    def moved_nearby(self) -> list[Any]:
        """All leaves, moved at random by so little that only ties are broken."""
        shift = self.source.nearby_shift or self.precision.shift
        parts = [
            shift * part * self.point.nudge_sizes(leaf, _TINY)
            for leaf, part in enumerate(self._random_direction())
        ]
        return self.point.with_real(
            [
                in_kind_of(leaf, (as_float64(leaf) + part).astype(leaf.dtype))
                for leaf, part in zip(
                    (self.point.leaves[i] for i in self.point.real), parts, strict=True
                )
            ]
        )

    def judge_shape(self, leaf: int) -> Judgement:
        """The verdict on a leaf whose gradient has another shape: wrong."""
        every = np.arange(int(np.size(self.point.leaves[self.point.real[leaf]])))
        query = SlopeQuery(leaf, every, self.point.leaves, progress=self.progress)
        sides = self.source.one_sided(query)
        comparison = Comparison.of_another_shape(sides, self.precision.eps)
        cause = likely_cause(self._evidence(leaf, comparison))
        return Judgement(Verdict.WRONG, cause, comparison)

    def _evidence(
        self, leaf: int, comparison: Comparison, tie: Tie | None = None
    ) -> Evidence:
        x = as_float64(self.point.leaves[self.point.real[leaf]])
        smooth = comparison.in_shape(comparison.smooth, x.shape) == 1
        return Evidence(
            gradient=self.values[leaf],
            slope=comparison.in_shape(comparison.slope, x.shape),
            x=x,
            tolerance=comparison.in_shape(comparison.tolerance, x.shape),
            smooth=smooth & np.isfinite(self.value),
            axes=self.source.axes,
            others=tuple(g for i, g in enumerate(self.values) if i != leaf),
            dtype=self.source.dtype,
            branches=self.source.branches,
            tie=tie and (tie.gradient, tie.slope, tie.off),
            jump=comparison.in_shape(comparison.jump, x.shape) == 1,
        )

    def _compare(self, leaf: int, indices: np.ndarray) -> Comparison:
        """Compares some coordinates of a leaf, and measures the suspects."""
        gradient = self.values[leaf].ravel()[indices]
        sides = self._sides(leaf, indices, progress=self.progress)
        kink, jump, smooth, sides = self._find_kinks(leaf, indices, sides, gradient)
        slope, below, above = sides.slope, sides.behind, sides.ahead
        roundings = self.precision.tolerance
        tolerance = roundings * np.maximum(abs(gradient), abs(slope)) + sides.error
        # At a kink, every value between the one-sided slopes is right.
        between = np.clip(gradient, np.minimum(below, above), np.maximum(below, above))
        apart = abs(gradient - np.where(kink, between, slope))
        finite = np.isfinite(gradient) & np.isfinite(slope)
        # What a jump makes of the slopes nearby is no rounding.
        suspect = wrong = finite & ~jump & ~(apart <= tolerance)
        if suspect.any():
            tolerance += self._spread_of_suspects(
                leaf, indices, suspect, apart, tolerance
            )
            tolerance += np.where(suspect, self._beside_largest(leaf, indices), 0.0)
            tolerance += self._doubt_of_suspects(
                SlopeQuery(leaf, indices, self.point.leaves),
                sides.slope,
                np.where(suspect, apart / np.maximum(tolerance, _TINY), np.inf),
            )
            wrong = suspect & ~(apart <= tolerance)
            vanishes = self._vanishing(leaf, indices, wrong, apart, tolerance)
            # Rounding hides all faults of this size: the tolerance says so.
            tolerance[vanishes] += 2 * apart[vanishes]
            wrong = wrong & ~vanishes
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

    # --- kinks ----------------------------------------------------------------------

    def _find_kinks(
        self,
        leaf: int,
        indices: np.ndarray,
        sides: OneSidedSlopes,
        gradient: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, OneSidedSlopes]:
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

        A jump J of f at x adds J/h, which grows as h shrinks. One that is far larger
        than a rounding of f is no rounding, however erratic it is.

        Slopes that were sampled have error bars instead. There the one-sided slopes
        differ by more than these bars at a kink, and only at a kink; jumps are looked
        for a few roundings away.
        """
        size = np.maximum(abs(sides.ahead), abs(sides.behind))
        roundings = self.precision.tolerance
        apart = ~(abs(gradient - sides.slope) <= roundings * size + sides.error)
        # A kink shows by one-sided slopes that differ, or by a large error bar.
        curved = 4 * roundings + _CURVATURE_LIMIT * self.source.step
        shown = abs(sides.gap) > curved * size
        if not self.source.exact:
            shown = sides.error > _KINK_RTOL * size
        kink, smooth = np.zeros(len(indices), bool), np.isfinite(size)
        jump, sides = self._sampled_jumps(leaf, indices, sides)
        places = np.flatnonzero((apart | shown) & np.isfinite(size) & ~jump)
        if not len(places):
            return kink, jump, smooth & ~jump, sides
        near, nearest = (
            self._sides(leaf, indices[places], shrink=shrink)
            for shrink in _KINK_SHRINKS
        )
        if self.source.exact:
            gap = sides.gap[places]
            is_kink = abs(gap) > 4 * roundings * size[places]
            for closer in (near, nearest):
                is_kink &= abs(closer.gap - gap) <= _KINK_RTOL * abs(gap)
            better = ~is_kink
            jump[places] = self._jumps(leaf, indices[places], gap, near, nearest)
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
        return kink, jump, smooth, sides.replaced(places[better], nearest.at(better))

    def _sampled_jumps(
        self, leaf: int, indices: np.ndarray, sides: OneSidedSlopes
    ) -> tuple[np.ndarray, OneSidedSlopes]:
        """Where values jump, and the slopes with J/h in these places."""
        query = SlopeQuery(leaf, indices, self.point.leaves)
        ahead, behind = self.source.jumps(query, self._least_jump)
        jump = (ahead != 0) | (behind != 0)
        steps = self.source.step * self._nudge_sizes(leaf, indices)[jump]
        slopes = OneSidedSlopes(ahead[jump] / steps, behind[jump] / steps, 0 * steps)
        return jump, sides.replaced(np.flatnonzero(jump), slopes)

    @property
    def _least_jump(self) -> float:
        """Above which a change of f at one point is no rounding, however erratic."""
        return math.sqrt(self.precision.eps) * abs(self.value)

    def _nudge_sizes(self, leaf: int, indices: np.ndarray) -> np.ndarray:
        return self.point.nudge_sizes(leaf, _TINY).ravel()[indices]

    def _jumps(
        self,
        leaf: int,
        indices: np.ndarray,
        gap: np.ndarray,
        near: OneSidedSlopes,
        nearest: OneSidedSlopes,
    ) -> np.ndarray:
        """Where the gap of the slopes grows as 1/h, by more than roundings of f."""
        jumps = np.ones(len(indices), bool)
        for closer, shrink in zip((near, nearest), _KINK_SHRINKS, strict=True):
            jumps &= abs(closer.gap - shrink * gap) <= _KINK_RTOL * shrink * abs(gap)
        steps = self.source.step * self._nudge_sizes(leaf, indices)
        return jumps & (abs(gap) * steps > self._least_jump)

    def _sides(
        self,
        leaf: int,
        indices: np.ndarray,
        *,
        shrink: float = 1.0,
        progress: Callable[[int], object] = lambda done: None,
    ) -> OneSidedSlopes:
        """The one-sided slopes at the point, and how far they may be off.

        A change that underflows on its way is multiplied by all that would have
        followed: by the largest slope at most, as a guess.
        """
        query = SlopeQuery(leaf, indices, self.point.leaves, shrink, progress)
        found = self.source.one_sided(query)
        if not self.source.exact:
            return found
        values = np.concatenate([np.ravel(gradient) for gradient in self.values])
        largest = float(abs(values[np.isfinite(values)]).max(initial=0.0))
        return found._replace(error=found.error * max(1.0, largest))

    # --- rounding -------------------------------------------------------------------

    def rounding_spread(self, pair: GradientAndSlope) -> np.ndarray:
        """Rounding error of gradient and slope, estimated from their scatter.

        Both are computed again at x + t d for a dozen random t and one random direction
        d, all so near that the difference

            e(t) = g(x + t d) - s(x + t d)

        of a fault changes as a parabola in t does, by its Taylor series. Rounding comes
        out differently at each point. So a parabola is fitted to e by least squares, of
        which the residuals are rounding alone, and

            spread = deviations · √(Σ residual² / (points - 3))

        is how far rounding may reach. A constant instead of a parabola would count the
        smooth change of a fault such as one in sin(1000 x) as scatter, and pass it. In
        16 bits x moves by a few roundings only: there the directions are random too,
        and the mean takes the place of the parabola.

        Source:
            Vignes (1993), "A stochastic arithmetic for reliable scientific
            computation", Math. Comput. Simul. 35, 233-261.
        """
        shift, degree = self.precision.shift, self.precision.degree
        t = self.rng.uniform(-1, 1, PERTURBATIONS)
        powers = np.vander(t, degree + 1)
        line = self._random_direction()
        if degree:
            shifts = [[shift * t_i * d for d in line] for t_i in t]
        else:
            shifts = [[shift * d for d in self._random_direction()] for _ in t]
        found = np.array([pair(self._moved(by)) for by in shifts])
        gradients, slopes = found[:, 0], found[:, 1]
        apart = (gradients - slopes).reshape(PERTURBATIONS, -1)
        residual = apart - powers @ (np.linalg.pinv(powers) @ apart)
        variance = (residual**2).sum(0) / (PERTURBATIONS - powers.shape[1])
        spread = self.precision.deviations * np.sqrt(variance)
        return spread.reshape(slopes.shape[1:])

    def vanishes_in_float64(
        self, pair: GradientAndSlope, apart: np.ndarray
    ) -> np.ndarray:
        """Differences of float32 or 16 bits that vanish in float64.

        Some roundings do not scatter: those of 1 - y, with y near 1, are the same for
        all x nearby. Float64 has 29 bits more than float32, so that a rounding is all
        but gone there and a fault is as large as before: a difference that falls to
        half or less was rounding.

        Nowhere, if the program is in float64 already, or if something in it takes the
        dtype of x only.
        """
        if not self.source.exact or self.source.dtype == np.float64:
            return np.zeros(len(apart), bool)
        with jax.enable_x64(True):
            try:
                gradient, slope = pair(self._in_float64(1.0))
            except Exception:
                # A kernel of float32 alone may raise anything at all.
                return np.zeros(len(apart), bool)
        in_float64 = gradient - slope
        vanishes = abs(in_float64) <= apart / 2
        if self.function is None:
            # The reference was computed, not the values: it shows how large roundings
            # of this function are.
            here = np.subtract(*pair(self.point.leaves))
            vanishes &= apart <= _VALUES_ROUNDING * abs(here - in_float64)
        return vanishes

    def _gradient_and_slope(self, leaf: int, indices: np.ndarray) -> GradientAndSlope:
        """Both, of some coordinates, as a function of all leaves."""

        def pair(leaves: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
            slope = self.source.one_sided(SlopeQuery(leaf, indices, leaves)).slope
            gradient = self.reference(leaves) if self.reference else self.values
            return gradient[leaf].ravel()[indices], slope

        return pair

    def _spread_of_suspects(
        self,
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
        chosen = self.rng.permutation(places)[:_SUSPECTS_MEASURED]
        for _ in range(_MEASURING_ROUNDS):
            pair = self._gradient_and_slope(leaf, indices[chosen])
            spread[chosen] = self.rounding_spread(pair)
            known[chosen] = True
            guessed = suspect & ~known
            ratio = (spread[known] / np.maximum(tolerance[known], _TINY)).max()
            spread[guessed] = ratio * tolerance[guessed]
            still_wrong = guessed & (apart > tolerance + spread)
            cleared = apart[chosen] <= (tolerance + spread)[chosen]
            if not still_wrong.any() or not cleared.any():
                break
            rest = np.flatnonzero(still_wrong)
            order = np.argsort(apart[rest] / tolerance[rest])
            chosen = rest[order][:_SUSPECTS_MEASURED]
        return spread

    def _doubt_of_suspects(
        self, query: SlopeQuery, slope: np.ndarray, off: np.ndarray
    ) -> np.ndarray:
        """By how much the slopes of suspects may be off; 0 for all others.

        Args:
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
            doubt[chosen] = self.source.doubt(some, slope[chosen])
        return doubt

    def _vanishing(
        self,
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
            pair = self._gradient_and_slope(leaf, indices[chosen])
            vanishes[chosen] = self.vanishes_in_float64(pair, apart[chosen])
            if not vanishes[chosen].any():
                break
        return vanishes

    def _beside_largest(self, leaf: int, indices: np.ndarray) -> np.ndarray:
        """Tolerance of small slopes beside the largest slope, each times its x.

        A fault of 0.1 % shows in all slopes but those below 2e-10 of the largest.
        """
        scales = self.point.scales(leaf).ravel()[indices]
        return _LARGEST_SLOPE_RTOL * self._largest() / scales

    def _is_coarse(self, leaf: int, comparison: Comparison) -> bool:
        """Whether not even a fault as large as the leaf's slopes would show.

        Where slopes are exact, rounding reaches far in 16 bits, and so does the
        tolerance; there the gradient has to be off as far, or the slope has an error
        bar as long: values were subtracted after all.

        The slope of a leaf that f does not use is 0 within roundings of f: those say
        nothing against a gradient of 0. Nor does a slope that is lost beside those of
        other leaves.
        """
        size = np.maximum(abs(comparison.gradient), abs(comparison.slope))
        if not size.size:
            return False
        worst = int(size.argmax())
        apart = abs(comparison.gradient - comparison.slope)
        if self.source.exact:
            error = np.where(size > 0, comparison.error, 0.0)
            reach = float(np.maximum(apart, error)[worst])
        else:
            reach = float(comparison.tolerance[worst])
        scale = float(self.point.scales(leaf).ravel()[comparison.indices[worst]])
        unused = 0.0 if self.source.exact else self._largest()
        own_bars = comparison.error / (1 if self.source.exact else ERROR_BARS)
        if not comparison.gradient.any() and (abs(comparison.slope) <= own_bars).all():
            unused = max(unused, abs(self.value))
        unused *= _UNUSED_RTOL / scale
        return reach > max(RESOLUTION_LIMIT * float(size[worst]), unused)

    def _is_lost(self, leaf: int, comparison: Comparison) -> bool:
        """Whether gradient and slope are 0 only because rounding took all their digits.

        In float32, both of sin(x)/x at 1e-6 are. Float64 shows the slope, and that it
        is no 0 that lies a few roundings beside x, as that of (x - 0.1)² does, and none
        that the step made larger, as that of x³.
        """
        eps = self.precision.eps
        within = abs(comparison.slope) <= comparison.tolerance
        blank = (comparison.gradient == 0) & within
        if not self.source.exact or self.source.dtype == np.float64 or not blank.all():
            return False
        chosen = self.rng.permutation(comparison.indices)[:_BLANKS_MEASURED]
        with jax.enable_x64(True):
            try:
                found = np.array(
                    [
                        self.source.one_sided(
                            SlopeQuery(leaf, chosen, self._in_float64(factor), shrink)
                        ).slope
                        for factor, shrink in (
                            (1.0, 1.0),
                            (1.0, _KINK_SHRINKS[1]),
                            (1 - 8 * eps, 1.0),
                            (1 + 8 * eps, 1.0),
                        )
                    ]
                )
            except Exception:
                # A kernel of float32 alone may raise anything at all.
                return False
        steady = abs(found.sum(0)) > 3.5 * abs(found).max(0)
        return bool((steady & np.isfinite(found).all(0)).any())

    def _in_float64(self, factor: float) -> list[Any]:
        """All leaves, those of floats in float64 and multiplied."""
        return self.point.with_real(
            [
                in_kind_of(leaf, factor * as_float64(leaf))
                for leaf in (self.point.leaves[i] for i in self.point.real)
            ]
        )

    def _largest(self) -> float:
        """The largest slope times its x."""
        scales = [self.point.scales(i) for i in range(len(self.values))]
        return max(
            float(abs(np.where(np.isfinite(g), g * x, 0.0)).max(initial=0.0))
            for g, x in zip(self.values, scales, strict=True)
            if g.shape == x.shape
        )

    def _random_direction(self) -> list[np.ndarray]:
        shapes = [np.shape(self.point.leaves[i]) for i in self.point.real]
        return [self.rng.uniform(-1, 1, shape) for shape in shapes]

    def _moved(self, by: Sequence[np.ndarray]) -> list[Any]:
        """All leaves, those of floats moved by so much of their size."""
        leaves = []
        for i, part in zip(self.point.real, by, strict=True):
            leaf = self.point.leaves[i]
            x = as_float64(leaf)
            leaves.append(in_kind_of(leaf, (x + part * x).astype(leaf.dtype)))
        return self.point.with_real(leaves)


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


def _verdict_of(comparison: Comparison) -> Verdict:
    """The verdict on some coordinates: that of the worst."""
    if not np.isfinite([comparison.gradient, comparison.slope]).all():
        return Verdict.NOT_FINITE
    if comparison.wrong.any():
        return Verdict.WRONG
    if comparison.kink.any():
        return Verdict.KINK
    return Verdict.ROUNDING if comparison.suspect.any() else Verdict.RIGHT
