"""Difference quotients along lines, one for each step: the rungs of a ladder."""

from dataclasses import dataclass
from math import factorial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from secant.derivatives.evaluation import Evaluation
from secant.derivatives.extrapolation import Limit, limit
from secant.derivatives.lines import EPSILON, Lines, Numbers
from secant.derivatives.validation import Floats

Truths: TypeAlias = NDArray[np.bool_]

RUNGS = 12
"""The most steps that are tried on one line."""

DEVIATIONS = 2.0
"""Of noise, that an error covers."""

WARY = 2.0
"""By what the formula's error is multiplied, as agreement may be an accident."""


@dataclass(frozen=True)
class Formula:
    """A difference quotient: which derivative, and on which side of the point.

    Attributes:
        order: Of the derivative.
        side: 0 for both (central), 1 for ahead (forward), -1 for behind (backward).
    """

    order: int
    side: int

    @property
    def power(self) -> int:
        """Where the derivative stands in the quotient's series."""
        return self.order - 1 if self.side else (self.order - 1) // 2

    @property
    def evaluations(self) -> int:
        """Of each rung."""
        return 1 if self.side else 2

    @property
    def fewest(self) -> int:
        """Rungs before there is a value with an error."""
        return self.power + 2


class Rungs:
    """What was seen of f along some lines, at several steps.

    Args:
        f: The function.
        lines: The lines.
        formula: Which quotients to form.
        centre: f at the point, (lines, entries).
    """

    def __init__(
        self, f: Evaluation, lines: Lines, formula: Formula, centre: Floats
    ) -> None:
        n, p = centre.shape
        self._f, self._lines, self._formula, self._centre = f, lines, formula, centre
        self.count = 0
        self.step: Floats = np.full((RUNGS, n), np.nan)
        self._quotient: Floats = np.empty((RUNGS, n, p))
        # Half of by how much the slopes on both sides differ.
        self._bend: Floats = np.zeros((RUNGS, n, p))
        # Two things make f's values wrong: their rounding, and that of the place.
        self._rounded: Floats = np.empty((RUNGS, n, p))
        self._shifted: Floats = np.empty((RUNGS, n, p))

    def look(self, which: Numbers, step: Floats) -> Truths:
        """Asks f one step away, and says on which lines it is defined there.

        Until `count` is raised, a second look takes the place of the first.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            return self._look(which, step)

    def _look(self, which: Numbers, step: Floats) -> Truths:
        some, c, k = self._lines[which], self._centre[which], self.count
        side = self._formula.side
        if side:
            t = side * step
            ahead = behind = self._f.at(self._lines, which, t)
            way = abs(some.went(t))
            h = way[:, np.newaxis]
            size = np.maximum(abs(ahead), abs(c))
            quotient = slope = (ahead - c) / h
        else:
            both = self._f.at(
                self._lines,
                np.concatenate([which, which]),
                np.concatenate([step, -step]),
            )
            ahead, behind = both[: len(which)], both[len(which) :]
            way = (some.went(step) - some.went(-step)) / 2
            h = way[:, np.newaxis]
            size = np.maximum(np.maximum(abs(ahead), abs(behind)), abs(c))
            slope = (ahead - behind) / (2 * h)
            bend = ((ahead - c) - (c - behind)) / (2 * h)
            quotient = slope if self._formula.order % 2 else bend / h
            self._bend[k, which] = bend
        self.step[k, which] = way
        self._quotient[k, which] = quotient
        self._rounded[k, which] = EPSILON * size
        self._shifted[k, which] = abs(slope) * some.rounding()[:, np.newaxis]
        defined: Any = (np.isfinite(ahead) & np.isfinite(behind)).all(axis=1)
        return defined

    def rounded(self, which: Numbers) -> Floats:
        """How much of the error of f's values is rounding, (lines, entries)."""
        return self._rounded[: self.count, which].max(axis=0)

    def limit(self, which: Numbers, sigma: Floats) -> Limit:
        """The derivative that the quotients tend to, and its error."""
        order, side = self._formula.order, self._formula.side
        h, quotient, noise = self._samples(which, sigma)
        # Powers of steps of 1e200 or 1e-200 are no numbers, so lengths are told in a
        # unit like theirs, a power of 2, in which nothing is rounded.
        unit = np.exp2(np.frexp(h[:1])[1])
        s = h / unit
        power = self._formula.power
        found = limit(s if side else s**2, quotient, noise, power)
        by = unit[0][:, np.newaxis] ** (power * (1 if side else 2))
        factor = factorial(order) / by
        step = found.step if side else np.sqrt(found.step)
        return Limit(
            found.value * factor * (side or 1) ** order,
            found.truncation * factor * WARY,
            found.rounding * factor,
            step * unit[0][:, np.newaxis],
        )

    def quotients(self, which: Numbers, sigma: Floats) -> tuple[Floats, Floats]:
        """The quotients themselves, by falling steps, and how wrong each may be."""
        _, quotient, noise = self._samples(which, sigma)
        return quotient, noise

    def jumps(self, which: Numbers, sigma: Floats) -> tuple[list[Floats], list[Floats]]:
        """By half of how much the slopes on both sides differ, and how sure that is.

        At a kink, central quotients may agree to the last digit, on the mean of both
        slopes: |x| at 0 has (|h| - |-h|) / 2h = 0. But where the slopes differ by 2c,
        `bend / h` is c/h and a power series in h². Of as many terms of the series as
        there are steps but one, a divided difference in h² leaves nothing, and of 1/h
        what is known.

        Returns:
            For 1, 2, 3, … neighbouring steps the c of each such group, and its error.
        """
        step, bend, wrong = self._falling(which, self._bend, sigma)
        h = step[..., np.newaxis]
        s, g, kink, e = h**2, bend / h, 1 / h, 2 * wrong / h**2
        found, errors = [bend], [e * h]
        # Of many tiny steps the differences overflow: then nothing is known.
        with np.errstate(over="ignore", invalid="ignore"):
            for length in range(1, len(h)):
                width = s[:-length] - s[length:]
                g, kink = (g[:-1] - g[1:]) / width, (kink[:-1] - kink[1:]) / width
                e = (e[:-1] + e[1:]) / width
                found.append(g / kink)
                errors.append(abs(e / kink))
        return found, errors

    def _samples(self, which: Numbers, sigma: Floats) -> tuple[Floats, Floats, Floats]:
        """Steps by size, the quotients and what f's errors may do to them."""
        h, quotient, wrong = self._falling(which, self._quotient, sigma)
        by_h = h[..., np.newaxis]
        if self._formula.side:
            noise = 2 * wrong / by_h
        elif self._formula.order % 2:
            noise = wrong / by_h
        else:
            noise = 2 * wrong / by_h**2
        return h, quotient, noise

    def _falling(
        self, which: Numbers, seen: Floats, sigma: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Steps by size, what was seen there and how wrong f's values are."""
        k = self.count
        step = self.step[:k, which]
        wrong = np.maximum(self._rounded[:k, which], DEVIATIONS * sigma)
        wrong = wrong + self._shifted[:k, which]
        order = np.argsort(-step, axis=0)
        row = np.arange(len(which))
        return step[order, row], seen[order, which], wrong[order, row]
