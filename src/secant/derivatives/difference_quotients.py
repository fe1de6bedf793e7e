"""Difference quotients along lines, at several steps, and their errors.

    central   order 1, 3   (f(t) - f(-t)) / 2t             a series in t²
              order 2, 4   (f(t) - 2 f(0) + f(-t)) / t²    a series in t²
    forward                (f(t) - f(0)) / t               a series in t

The derivative of order n is n! times one coefficient of that series.
"""

from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np

from secant.derivatives.evaluation import Evaluation
from secant.derivatives.extrapolation import Extrapolated, Number, extrapolate
from secant.derivatives.lines import EPSILON, Indices, Lines
from secant.derivatives.validation import Booleans, Floats

MAX_STEPS = 12
"""Steps that are tried on one line, at most."""

SEEN_LINES = 8
"""Lines whose values are kept as they came."""

NOISE_DEVIATIONS = 2.0
"""Standard deviations of noise that an error covers."""

SAFETY_FACTOR = 2.0
"""Factor on the truncation error, since two polynomials may agree by accident."""


MIN_OFFSET_RATIO = 0.9
"""Ratio of the offsets at two steps above which they do not fall with the step."""


@dataclass(frozen=True)
class Formula:
    """A difference quotient: the order of the derivative, and the side of the point.

    Attributes:
        order: Of the derivative.
        side: 0 for both (central), 1 for ahead (forward), -1 for behind (backward).
    """

    order: int
    side: int

    @property
    def power(self) -> int:
        """The index of the coefficient of the quotient's series for the derivative."""
        return self.order - 1 if self.side else (self.order - 1) // 2

    @property
    def evaluations(self) -> int:
        """Evaluations of f for each step."""
        return 1 if self.side else 2

    @property
    def min_steps(self) -> int:
        """Steps until there is a value with an error."""
        return self.power + 2


def central_quotients(
    ahead: Number, behind: Number, centre: Number, h: Number
) -> tuple[Number, Number]:
    """The central quotient of order 1, and half of the jump of the slope.

    Args:
        ahead: f at h, an array or a number as all that follows.
        behind: f at -h.
        centre: f at 0.
        h: The step.
    """
    slope = (ahead - behind) / (2 * h)
    return slope, ((ahead - centre) - (centre - behind)) / (2 * h)


class QuotientTable:
    """The difference quotients of some lines at the steps taken so far.

    Args:
        f: The function.
        lines: The lines.
        formula: The difference formula.
        centre: f at the point, (lines, entries).
    """

    def __init__(
        self, f: Evaluation, lines: Lines, formula: Formula, centre: Floats
    ) -> None:
        n, p = centre.shape
        self._f, self._lines, self._formula, self._centre = f, lines, formula, centre
        self.count = 0
        self.step: Floats = np.full((MAX_STEPS, n), np.nan)
        self._quotient: Floats = np.empty((MAX_STEPS, n, p))
        # Half of the difference between the slopes on both sides.
        self._half_jump: Floats = np.zeros((MAX_STEPS, n, p))
        # The errors of f's values: their own rounding, and that of the points.
        self._value_rounding: Floats = np.empty((MAX_STEPS, n, p))
        self._point_rounding: Floats = np.empty((MAX_STEPS, n, p))
        # Whether f has the point's value, on both sides.
        self._is_same: Booleans = np.empty((MAX_STEPS, n, p), bool)
        # Some values of f, as they came: they may lie on a grid.
        self.seen_ahead: list[Floats] = []
        self.seen_behind: list[Floats] = []

    def evaluate(self, which: Indices, step: Floats) -> Booleans:
        """Evaluates f one step away, and says on which lines it is defined there.

        Until the caller raises `count`, a second call replaces the first.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            return self._evaluate(which, step)

    def _evaluate(self, which: Indices, step: Floats) -> Booleans:
        some, c, k = self._lines[which], self._centre[which], self.count
        side = self._formula.side
        if side:
            t = side * step
            ahead = behind = self._f.at(self._lines, which, t)
            length = abs(some.representable_step(t))
            h = length[:, np.newaxis]
            size = np.maximum(abs(ahead), abs(c))
            quotient = slope = (ahead - c) / h
        else:
            both = self._f.at(
                self._lines,
                np.concatenate([which, which]),
                np.concatenate([step, -step]),
            )
            ahead, behind = both[: len(which)], both[len(which) :]
            length = (
                some.representable_step(step) - some.representable_step(-step)
            ) / 2
            h = length[:, np.newaxis]
            size = np.maximum(np.maximum(abs(ahead), abs(behind)), abs(c))
            slope, half_jump = central_quotients(ahead, behind, c, h)
            quotient = slope if self._formula.order % 2 else half_jump / h
            self._half_jump[k, which] = half_jump
        self._is_same[k, which] = (ahead == c) & (behind == c)
        self.seen_ahead.append(ahead[which < SEEN_LINES])
        self.seen_behind.append(behind[which < SEEN_LINES])
        self.step[k, which] = length
        self._quotient[k, which] = quotient
        self._value_rounding[k, which] = EPSILON * size
        shift = some.rounding_shift()[:, np.newaxis]
        self._point_rounding[k, which] = abs(slope) * shift
        defined: Any = (np.isfinite(ahead) & np.isfinite(behind)).all(axis=1)
        return defined

    def is_flat(self, which: Indices) -> Booleans:
        """Whether f had one value at all steps so far, the point's."""
        flat: Any = self._is_same[: self.count, which].all(axis=(0, 2))
        return flat

    def lands_on_plateau(self, which: Indices) -> Booleans:
        """Whether f has the point's value at the shortest step, and at all has others.

        (lines, entries)
        """
        unchanged = self._is_same[: self.count, which]
        shortest = self.step[: self.count, which].argmin(axis=0)
        has_others: Any = ~unchanged.all(axis=0)
        return has_others & unchanged[shortest, np.arange(len(which))]

    def shortest_with_change(self, line: int, entries: Booleans) -> float:
        """The shortest step at which one of some entries of f has another value."""
        changed = ~self._is_same[: self.count, line][:, entries].all(axis=1)
        return float(self.step[: self.count, line][changed].min())

    def rounded(self, which: Indices) -> Floats:
        """The rounding of f's values, (lines, entries)."""
        return self._value_rounding[: self.count, which].max(axis=0)

    def extrapolated(self, which: Indices, sigma: Floats) -> Extrapolated:
        """The derivative that the quotients tend to as h → 0, and its error."""
        order, side = self._formula.order, self._formula.side
        h, quotient, noise = self._quotients_by_step(which, sigma)
        # Powers of steps such as 1e200 or 1e-200 overflow. So steps are measured in a
        # unit of their own size, a power of 2, by which dividing rounds nothing.
        unit = np.exp2(np.frexp(h[:1])[1])
        s = h / unit
        power = self._formula.power
        found = extrapolate(s if side else s**2, quotient, noise, power, sigma > 0)
        scale = unit[0][:, np.newaxis] ** (power * (1 if side else 2))
        factor = factorial(order) / scale
        step = found.step if side else np.sqrt(found.step)
        return Extrapolated(
            found.value * factor * (side or 1) ** order,
            found.truncation * factor * SAFETY_FACTOR,
            found.rounding * factor,
            step * unit[0][:, np.newaxis],
        )

    def quotients(self, which: Indices, sigma: Floats) -> tuple[Floats, Floats]:
        """The quotients by falling step, and how wrong each may be."""
        _, quotient, noise = self._quotients_by_step(which, sigma)
        return quotient, noise

    def jumps(self, which: Indices, sigma: Floats) -> tuple[list[Floats], list[Floats]]:
        """Half of the jump of the slope at the point, and its error.

        At a kink, central quotients may agree to the last digit on the mean of both
        slopes: |x| at 0 has (|h| - |-h|) / 2h = 0. The half jump of the quotients,

            b(h) = ((f(h) - f(0)) - (f(0) - f(-h))) / 2h = c + a₁ h + a₃ h³ + …,

        tends to c, half of the difference between both slopes; a smooth f has c = 0.
        (Only odd powers follow, where f has a series on each side that differs in its
        slope alone.) To tell c apart from curvature, divide by h:

            b(h) / h = c / h + a₁ + a₃ h² + …

        Now all terms but the first are a power series in s = h². A divided difference
        of order m in s removes every power below m. So with m + 1 steps the divided
        difference of b(h) / h, over that of 1 / h, is c with an error of order h²ᵐ⁺¹.

        `secant.derivatives.scalar_ridders` has this once more, for floats.

        Returns:
            For groups of 1, 2, 3, … neighbouring steps the c of each group, and its
            error from those of f's values.
        """
        step, half_jump, wrong = self._by_step(which, self._half_jump, sigma)
        h = step[..., np.newaxis]
        s, smooth, kink, e = h**2, half_jump / h, 1 / h, 2 * wrong / h**2
        found, errors = [half_jump], [e * h]
        # For many tiny steps the divided differences overflow: then nothing is known.
        with np.errstate(over="ignore", invalid="ignore"):
            for length in range(1, len(h)):
                width = s[:-length] - s[length:]
                smooth = (smooth[:-1] - smooth[1:]) / width
                kink = (kink[:-1] - kink[1:]) / width
                e = (e[:-1] + e[1:]) / width
                found.append(smooth / kink)
                errors.append(abs(e / kink))
        return found, errors

    def offset(self, which: Indices, sigma: Floats) -> tuple[Floats, Booleans]:
        """By how much f at the point differs from its limit, where it does.

        The mean of both sides, less the value at the point,

            E(h) = (f(h) + f(-h)) / 2 - f(0),

        falls as h² for a smooth f and as h at a kink. Where it stays, f jumps at the
        point, or has a pole nearer than the shortest step.

        Returns:
            E(h) at the shortest step in units of h, and whether it is an offset.
        """
        step, half_jump, wrong = self._by_step(which, self._half_jump, sigma)
        h = step[-2:, :, np.newaxis]
        far, near = abs(half_jump[-2:]) * h
        is_offset: Booleans = (near >= MIN_OFFSET_RATIO * far) & (near > 8 * wrong[-1])
        return near / h[-1], is_offset

    def _quotients_by_step(
        self, which: Indices, sigma: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Falling steps, the quotients, and how wrong f's errors may make them."""
        h, quotient, wrong = self._by_step(which, self._quotient, sigma)
        by_h = h[..., np.newaxis]
        if self._formula.side:
            noise = 2 * wrong / by_h
        elif self._formula.order % 2:
            noise = wrong / by_h
        else:
            noise = 2 * wrong / by_h**2
        return h, quotient, noise

    def _by_step(
        self, which: Indices, values: Floats, sigma: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Falling steps, values there, and how wrong f's values may be."""
        k = self.count
        step = self.step[:k, which]
        wrong = np.maximum(self._value_rounding[:k, which], NOISE_DEVIATIONS * sigma)
        wrong = wrong + self._point_rounding[:k, which]
        order = np.argsort(-step, axis=0)
        row = np.arange(len(which))
        return step[order, row], values[order, which], wrong[order, row]
