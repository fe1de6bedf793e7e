"""Ridders' method in Python floats, for a few lines of a smooth function.

NumPy takes 10 to 100 times as long for an operation on an array of one number as Python
for one on a float. So the slopes of a number along a few lines begin here, number by
number, with the steps and the rules of `secant.derivatives.ridders`. They end here,
too, if the error reaches the target or rounding. If anything else shows, such as a
value that is no finite float, short numbers that may lie on a grid, noise, a plateau or
a kink, there is no result. Then `secant.derivatives.ridders` begins again, with the
values that are known in the place of evaluations.

Formulas are shared with the arrays. What arrays write with masks and maxima stands
twice: how lines are judged and go on (`RiddersTableau.update`, `propose`, `terminate`),
and how kinks are found (`QuotientTable.jumps`, `offset`). The arrays define what is
right: both ways ask f at the same points in the same order and give the same bits,
which tests/derivatives/test_scalar_ridders.py checks.
"""

from itertools import pairwise
from math import frexp, inf, isfinite, ldexp, log, sqrt
from typing import NamedTuple

import numpy as np

from secant.derivatives.difference_quotients import (
    MAX_STEPS,
    MIN_OFFSET_RATIO,
    SAFETY_FACTOR,
    Formula,
    central_quotients,
)
from secant.derivatives.evaluation import Evaluation
from secant.derivatives.extrapolation import amplified, neville
from secant.derivatives.lines import EPSILON, Lines, Points
from secant.derivatives.resolution import are_long
from secant.derivatives.ridders import (
    JUMP_RTOL,
    MAX_GROWTH,
    MAX_SECOND_STEP,
    MIN_LOG_SPACING,
    NOISE_AMPLIFICATION,
    NOISY_RTOL,
    SLOW_RATIO,
    STEP_RATIO,
    is_settled,
)
from secant.derivatives.tolerance import DEFAULT_RTOL, LineDerivatives, Outcome
from secant.derivatives.validation import Floats

MAX_LINES = 8
"""Lines that are extrapolated one by one, at most.

One line is more than `ridders.FEW_LINES_SHARE` of them, so that `_Line._should_grow`
need not count the others.
"""

MIN_STEPS = Formula(1, 0).min_steps
"""Steps until there is a value with an error."""


class _NotSmooth(Exception):
    """Something that is left to `secant.derivatives.ridders`."""


def solve_in_floats(
    f: Evaluation, lines: Lines, tolerance: float | None, *, per_line: bool
) -> tuple[Floats, LineDerivatives] | None:
    """The first derivatives of a number along a few lines, by central quotients.

    Args:
        f: The function.
        lines: Lines along one coordinate each, without bounds, at most `MAX_LINES`.
        tolerance: As of `secant.derivatives.tolerance.Accuracy`.
        per_line: The same.

    Returns:
        f at the points, and the derivatives, as `secant.derivatives.ridders.solve`
        gives them; None where that has to be asked.
    """
    try:
        # As in `Evaluation`: NumPy need not warn about f outside of its domain.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return _Tableau(f, lines, tolerance, per_line).solve()
    except (_NotSmooth, ZeroDivisionError, OverflowError):
        return None


class _Quotient(NamedTuple):
    """The quotient at one step.

    Attributes:
        step: The step.
        value: The central quotient.
        half_jump: Half of the difference between the slopes on both sides.
        wrong: How wrong f's values may be.
        noise: How wrong that may make the quotient.
    """

    step: float
    value: float
    half_jump: float
    wrong: float
    noise: float


class _Line:
    """A line, its quotients so far, and the last row of Neville's table.

    Attributes:
        x: The coordinate that moves, at the point.
        direction: By how much it moves for t = 1.
        entry: Its index.
        step: The next step.
        room: The longest step allowed.
        centre: f at the point.
        quotients: Those so far, by falling step.
        is_active: Whether the line goes on.
        outcome: How it ended.
        value: The extrapolated derivative.
        truncation: The formula's share of its error.
        rounding: The share of the errors of f's values.
    """

    def __init__(
        self, x: float, direction: float, entry: int, step: float, room: float
    ) -> None:
        self.x, self.direction, self.entry = x, direction, entry
        self.step, self.room = step, room
        self.centre = 0.0
        self.quotients: list[_Quotient] = []
        self.is_active, self.outcome = True, Outcome.DIVERGED
        self._rounding_shift = EPSILON * (abs(x) / abs(direction))
        # As in `RiddersTableau`.
        self._second = 1 / STEP_RATIO
        self._last_error, self._slow_steps, self._growths = inf, 0, 0
        self._is_curved = False
        self._begin_table()

    def _begin_table(self) -> None:
        self._nodes: list[float] = []
        self._values: list[float] = []
        self._errors: list[float] = []
        # Nodes are h² in units of the square of a power of 2 near the longest step.
        self._unit = 1.0
        # Of the best extrapolated value: its error, and the node of the shortest step.
        self._least, self._node = inf, inf
        self.value = self.truncation = self.rounding = inf

    @property
    def error(self) -> float:
        """The estimated error."""
        return self.truncation + self.rounding

    @property
    def shortest(self) -> float:
        """The shortest step that the extrapolated value is made of."""
        return sqrt(self._node) * self._unit

    def displaced(self, t: float) -> float:
        """The coordinate at a point on the line."""
        return self.x + t * self.direction

    def _representable_step(self, t: float) -> float:
        return (self.displaced(t) - self.x) / self.direction

    # --- Neville's table --------------------------------------------------------------

    def add(self, ahead: float, behind: float) -> None:
        """Adds the quotient of the step, from f ahead and behind."""
        t, centre, several = self.step, self.centre, self.quotients
        if ahead == centre == behind:  # perhaps a plateau
            raise _NotSmooth
        h = (self._representable_step(t) - self._representable_step(-t)) / 2
        slope, half_jump = central_quotients(ahead, behind, centre, h)
        wrong = EPSILON * max(abs(ahead), abs(behind), abs(centre))
        wrong += abs(slope) * self._rounding_shift
        quotient = _Quotient(h, slope, half_jump, wrong, wrong / h)
        if not (isfinite(slope) and isfinite(quotient.noise)):
            raise _NotSmooth
        if not several or h < several[-1].step:
            several.append(quotient)
            self._extend_table(quotient)
            return
        several.append(quotient)
        several.sort(key=lambda one: -one.step)
        self._begin_table()
        for one in several:
            self._extend_table(one)

    def _extend_table(self, quotient: _Quotient) -> None:
        """Adds a row: from the polynomial through the last two steps to all."""
        if not self._nodes:
            self._unit = ldexp(1.0, frexp(quotient.step)[1])
        node = (quotient.step / self._unit) * (quotient.step / self._unit)
        values, errors = [quotient.value], [quotient.noise]
        rows = zip(reversed(self._nodes), self._values, self._errors, strict=True)
        for length, (left, longer, longer_error) in enumerate(rows):
            shorter = values[length]
            value = neville(left, node, longer, shorter)
            error = amplified(left, node, longer_error, errors[length])
            truncation = max(abs(value - shorter), abs(value - longer))
            values.append(value)
            errors.append(error)
            total = truncation + error
            if total < self._least:
                self._least, self._node = total, node
                self.value, self.rounding = value, error
                self.truncation = SAFETY_FACTOR * truncation
        self._nodes.append(node)
        self._values, self._errors = values, errors

    # --- the rules of `RiddersTableau` ------------------------------------------------

    def choose_second_step(self, target: float) -> None:
        """A longer one where rounding dominates: `RiddersTableau._second_step`."""
        noise = NOISE_AMPLIFICATION * self.quotients[0].noise
        excess = noise / target if target > 0 else 0.0
        longer = min(
            max(excess / MAX_GROWTH, STEP_RATIO),
            MAX_SECOND_STEP,
            self.room / (STEP_RATIO * self.step),
        )
        first = self.quotients[0].step
        self.step = first / STEP_RATIO
        if excess > 1 and longer >= STEP_RATIO:
            self._second, self.step = longer, longer * first

    def judge(self, target: float, tolerance: float | None) -> None:
        """Ends the line, or chooses its next step: `update`, `propose`, `terminate`."""
        error, count = self.error, len(self.quotients)
        if not isfinite(error):
            raise _NotSmooth
        helped = error <= SLOW_RATIO * self._last_error
        self._slow_steps = 0 if helped or self._growths else self._slow_steps + 1
        settled = is_settled(self.truncation, self.rounding, self._slow_steps)
        if error <= target:
            self._end(Outcome.CONVERGED)
            return
        if not settled and self._slow_steps >= 2:
            raise _NotSmooth  # perhaps noise
        fits = 0.9995 * STEP_RATIO * self.quotients[0].step <= self.room
        grows = fits and self._should_grow(target, tolerance, settled, helped)
        if count == MAX_STEPS or (settled and not grows):
            if not settled:
                raise _NotSmooth
            self._end(Outcome.ROUNDING)
            return
        rises = not grows and fits and self._second > 1 and count == MIN_STEPS
        if grows or rises:
            self.step = self._longer(target, by_ratio=rises or self._growths > 0)
        else:
            self.step = self._shorter(helped)
        self._last_error = error
        self._growths = self._growths + 1 if grows else 0

    def _should_grow(
        self, target: float, tolerance: float | None, settled: bool, helped: bool
    ) -> bool:
        may_grow = settled
        if self._growths:  # three longer steps in a row may show that they are better
            may_grow = self._growths < 3 or (settled and helped)
        if not may_grow or self.rounding <= target:
            return False
        if not self._growths:
            values = [one.value for one in self.quotients]
            noise = max(one.noise for one in self.quotients)
            self._is_curved = max(values) - min(values) > 10 * noise
        if tolerance is not None:
            return True
        # Nobody asked for this accuracy: it has to be worth a step.
        is_large = self.rounding > NOISY_RTOL / DEFAULT_RTOL * target
        return is_large and not (self._is_curved and self._growths)

    def _longer(self, target: float, *, by_ratio: bool) -> float:
        longest = self.quotients[0].step
        if by_ratio:
            return min(longest * STEP_RATIO, self.room)
        lacking = self.rounding / target if target else inf
        leap = min(lacking, self.room / longest) / 4
        if self._is_curved:
            leap = min(leap, MAX_GROWTH)
        return min(longest * max(leap, STEP_RATIO), self.room)

    def _shorter(self, helped: bool) -> float:
        divisor = STEP_RATIO if helped else STEP_RATIO**3
        shortest = self.quotients[-1].step
        between = self.shortest / divisor
        if self._second > 2 and len(self.quotients) == MIN_STEPS + 1:
            between = shortest * sqrt(self._second)
        if all(
            abs(log(one.step / between)) > MIN_LOG_SPACING for one in self.quotients
        ):
            return between
        return shortest / divisor

    def _end(self, outcome: Outcome) -> None:
        if self._has_kink():
            raise _NotSmooth
        self.is_active, self.outcome = False, outcome

    def _has_kink(self) -> bool:
        """Whether f's slope or value jumps at the point; see `QuotientTable.jumps`."""
        steps = [one.step for one in self.quotients]
        jumps = [one.half_jump for one in self.quotients]
        wrong = [one.wrong for one in self.quotients]
        far, near = abs(jumps[-2]) * steps[-2], abs(jumps[-1]) * steps[-1]
        if near >= MIN_OFFSET_RATIO * far and near > 8 * wrong[-1]:
            return True
        s = [h * h for h in steps]
        smooth = [jump / h for jump, h in zip(jumps, steps, strict=True)]
        kink = [1 / h for h in steps]
        error = [2 * e / hh for e, hh in zip(wrong, s, strict=True)]
        last = jumps
        for length in range(1, len(steps)):
            if 1 < length == len(steps) - 1:
                last = [a / b for a, b in zip(smooth, kink, strict=True)]
            width = [a - b for a, b in zip(s, s[length:], strict=False)]
            smooth, kink = (
                [(a - b) / w for (a, b), w in zip(pairwise(row), width, strict=True)]
                for row in (smooth, kink)
            )
            rows = zip(pairwise(error), width, strict=True)
            error = [(a + b) / w for (a, b), w in rows]
        jump = smooth[0] / kink[0]
        size = abs(jump)
        certain = size > 4 * abs(error[0] / kink[0])
        return certain and all(abs(jump - one) < JUMP_RTOL * size for one in last)


class _Tableau:
    """Lines that are extrapolated side by side, as by `ridders.RiddersTableau`."""

    def __init__(
        self, f: Evaluation, lines: Lines, tolerance: float | None, per_line: bool
    ) -> None:
        self._f, self._x, self._shape = f, lines.x, lines.shape
        self._lines = [
            _Line(*line)
            for line in zip(
                lines.x[lines.entries[:, 0]].tolist(),
                lines.directions[:, 0].tolist(),
                lines.entries[:, 0].tolist(),
                lines.initial_step.tolist(),
                lines.max_step.tolist(),
                strict=True,
            )
        ]
        self._tolerance, self._per_line = tolerance, per_line
        self._rtol = DEFAULT_RTOL if tolerance is None else tolerance
        self._scale = 0.0

    def solve(self) -> tuple[Floats, LineDerivatives]:
        """The values at the points, and the derivatives."""
        lines, active = self._lines, self._lines
        self._evaluate_centre()
        self._evaluate(active, is_first=True)
        first = self._targets([line.quotients[0].value for line in lines])
        for line, target in zip(lines, first, strict=True):
            line.choose_second_step(target)
        while active:
            self._evaluate(active)
            targets = self._targets([line.value for line in lines])
            for line, target in zip(lines, targets, strict=True):
                if line.is_active:
                    line.judge(target, self._tolerance)
            active = [line for line in active if line.is_active]
        found = [
            (line.value, line.error, line.shortest, float(line.outcome))
            for line in lines
        ]
        return (
            np.array([[line.centre] for line in lines]),
            LineDerivatives(*np.array(found).T[..., np.newaxis]),
        )

    def _targets(self, values: list[float]) -> list[float]:
        """The error to reach for each line: `Accuracy.targets`."""
        if self._per_line:
            return [self._rtol * abs(value) for value in values]
        self._scale = max(self._scale, *map(abs, values))
        return [self._rtol * self._scale] * len(values)

    def _evaluate_centre(self) -> None:
        if self._shape is None:
            centres = self._floats([line.displaced(0.0) for line in self._lines])
        else:
            centres = self._floats([self._x.reshape(self._shape).copy()])
            centres *= len(self._lines)
        for line, centre in zip(self._lines, centres, strict=True):
            line.centre = centre

    def _evaluate(self, lines: list[_Line], is_first: bool = False) -> None:
        """Takes the next step of some lines."""
        displaced = [line.displaced(line.step) for line in lines]
        displaced += [line.displaced(-line.step) for line in lines]
        points = displaced
        if self._shape is not None:
            entries = [line.entry for line in lines]
            points = Points(self._x, self._shape, entries * 2, displaced)
        values = self._floats(points)
        if is_first and not are_long([lines[0].centre, *values]):
            raise _NotSmooth  # perhaps a grid
        n = len(lines)
        for i, line in enumerate(lines):
            line.add(values[i], values[n + i])

    def _floats(self, points: list[float] | list[Floats] | Points) -> list[float]:
        values = self._f.floats(points)
        if values is None:
            raise _NotSmooth
        return values
