"""Derivatives along lines: difference quotients at ever other steps, extrapolated.

One begins at a step of the size of the coordinate itself and looks, after each rung,
what keeps the extrapolated value from being better: the formula, then the next rung is
a smaller step; or the rounding and noise of f's values, then it is a larger one. Lines
climb side by side, so that one batch of evaluations serves all of them.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from secant.derivatives.difference_quotients import RUNGS, Formula, Rungs, Truths
from secant.derivatives.evaluation import Evaluation
from secant.derivatives.lines import EPSILON, Lines, Numbers
from secant.derivatives.noise import POINTS, measure
from secant.derivatives.validation import Floats

CHEAP = 1e-12
"""The relative error at which nobody who did not ask for less is kept waiting."""

COARSE = 3e-11
"""The relative error from noise above which more steps are worth their price."""

AMPLIFIED = 6.5
"""By what two halvings of a step, extrapolated, amplify the noise of the first."""

RISE = 4.0
"""How many times as long as the first step the second is, at most."""

FEW = 0.1
"""Of all lines: for so few the steps may grow on at little cost."""

LEAP = 4.0
"""How far one leaps at most where f is seen to bend: no faith in still longer steps."""

SETTLED = 3.0
"""How many times rounding's share the formula's may be, where neither will fall."""

SLOW = 0.5
"""A rung that leaves more than this of the error is one that did not help."""

PATIENCE = 4
"""Rungs that do not help, before a line is given up."""

NEAR = 0.3
"""Of two steps' logarithms: rungs that stand closer together tell nothing new."""

LOOKS = 3
"""How often f is listened to at another distance."""

ALIKE = 0.2
"""By how much, relative, several looks at one jump may differ."""


class Outcome(IntEnum):
    """How a line ended, the worst last."""

    CONVERGED = 0
    ROUNDING = 1
    NOISE = 2
    BUDGET = 3
    SIDES = 4
    DIVERGED = 5


@dataclass
class Accuracy:
    """What is asked for, and what is known about f's own errors.

    Attributes:
        tolerance: Relative to `scale`; None for as good as can be had cheaply.
        sigma: f's noise, for each of its entries.
        listen: Whether noise may be looked for when it seems to be there.
        alone: Whether each line has a scale of its own.
        scale: The largest derivative known so far, of lines that share one.
        apart: Whether each of f's entries, too, is to be right by itself.
    """

    tolerance: float | None
    sigma: Floats
    listen: bool
    alone: bool
    scale: float = 0.0
    apart: bool = False

    def targets(self, value: Floats) -> Floats:
        """The error to reach, for each line and entry."""
        sizes: Floats = abs(value)
        largest: Floats = sizes.max(axis=1, initial=0.0, keepdims=True)
        if not self.alone:
            self.scale = max(self.scale, float(largest.max(initial=0.0)))
            largest = np.full_like(largest, self.scale)
        if not self.apart:
            sizes = np.broadcast_to(largest, value.shape)
        else:
            # An entry that did not stir, where others did, has nothing to be told.
            sizes = np.where((sizes == 0) & (largest > 0), np.inf, sizes)
        return (CHEAP if self.tolerance is None else self.tolerance) * sizes


@dataclass
class Slopes:
    """Derivatives along lines, (lines, entries of f); `outcome` and `step` alike."""

    value: Floats
    error: Floats
    step: Floats
    outcome: Floats


def climb(
    f: Evaluation,
    lines: Lines,
    formula: Formula,
    centre: Floats,
    accuracy: Accuracy,
    *,
    room: Floats,
    budget: float = np.inf,
) -> Slopes:
    """The derivative along each of some lines.

    Args:
        f: The function.
        lines: The lines; all are climbed at once.
        formula: Which derivative, from which quotients.
        centre: f at the point itself, (lines, entries).
        accuracy: What is asked for. What is learned of f's noise is kept in it.
        room: How long a step may be, (lines,).
        budget: How many evaluations may be spent.

    Returns:
        Values and errors.

    Raises:
        InvalidInput, or what f raised: f is not defined however near to the point.
    """
    ladder = _Ladder(f, lines, formula, centre, accuracy, room, budget)
    ladder.set_up()
    # What overflows is no number, and is refused in the end.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        while len(ladder.active):
            ladder.climb_on()
    return ladder.slopes


class _Ladder:
    """Lines that are climbed side by side; all that are active have as many rungs."""

    def __init__(
        self,
        f: Evaluation,
        lines: Lines,
        formula: Formula,
        centre: Floats,
        accuracy: Accuracy,
        room: Floats,
        budget: float,
    ) -> None:
        n, p = centre.shape
        self._f, self._lines, self._formula = f, lines, formula
        self._accuracy, self._room = accuracy, room
        self._end = f.used + budget
        self._rungs = Rungs(f, lines, formula, centre)
        self.slopes = Slopes(*(np.full((n, p), np.nan) for _ in range(4)))
        self.active: Numbers = np.arange(n, dtype=np.intp)
        # Of each line: its error a rung ago, how many rungs in a row did not help, and
        # how many in a row were longer steps.
        self._last: Floats = np.full(n, np.inf)
        self._slow: Numbers = np.zeros(n, np.intp)
        self._grown: Numbers = np.zeros(n, np.intp)
        # Whether f was seen to bend before the steps grew.
        self._bent: Truths = np.zeros(n, bool)
        # How many times as long as its first step the second is, 1/2 or 2 to RISE.
        self._second: Floats = np.full(n, 0.5)

    @property
    def _left(self) -> float:
        return self._end - self._f.used

    def set_up(self) -> None:
        """The first rungs; shorter steps where f is not defined so far away."""
        rungs, formula = self._rungs, self._formula
        step: Floats = np.minimum(self._lines.first, self._room)
        waiting, tries = self.active, 6
        needed = (formula.fewest - 1) * formula.evaluations * len(self.active)
        while len(waiting := waiting[~rungs.look(waiting, step[waiting])]):
            tries -= 1
            more = formula.evaluations * len(waiting)
            if not tries or self._left < needed + more:
                raise self._f.trouble or AssertionError
            step[waiting] /= 16
        rungs.count = 1
        if self._left >= 2 * needed:
            self._second = self._direction(step)
        while rungs.count < formula.fewest:
            taken = rungs.step[: rungs.count]
            again = self._second if rungs.count == 1 else 2.0
            longer, shorter = again * taken.max(axis=0), taken.min(axis=0) / 2
            self._take(self.active, self._second > 1, longer, shorter)

    def _direction(self, step: Floats) -> Floats:
        """By what to go on: to longer steps if shorter ones would drown in noise."""
        quotient, noise = self._rungs.quotients(self.active, self._accuracy.sigma)
        target = self._accuracy.targets(quotient[0])
        # Where f is even there is no scale to say how much noise is too much.
        noise = AMPLIFIED * noise[0]
        lacking = np.divide(noise, target, out=np.zeros_like(noise), where=target > 0)
        lacking = lacking.max(axis=1)
        # Two longer steps have to fit in, the second twice as long as the first.
        longer = np.minimum(np.clip(lacking / LEAP, 2, RISE), self._room / (2 * step))
        return np.where((lacking > 1) & (longer >= 2), longer, 0.5)

    def climb_on(self) -> None:
        """Looks at where each line stands, ends it or takes one more rung."""
        rungs, formula, which = self._rungs, self._formula, self.active
        found = rungs.limit(which, self._accuracy.sigma)
        total = found.truncation + found.rounding
        self.slopes.value[which], self.slopes.error[which] = found.value, total
        self.slopes.step[which] = found.step
        targets: Floats = self._accuracy.targets(self.slopes.value)[which]
        # A line is judged by the worst of f's entries.
        excess = np.divide(total, targets, out=total.copy(), where=targets > 0)
        entry: Numbers = excess.argmax(axis=1)
        row = np.arange(len(which))
        target: Floats = targets[row, entry]
        error: Floats = total[row, entry]
        truncation: Floats = found.truncation[row, entry]
        rounding: Floats = found.rounding[row, entry]

        stuck: Truths = ~(error <= SLOW * self._last[which])
        grown: Numbers = self._grown[which]
        slow: Numbers = np.where(stuck & (grown == 0), self._slow[which] + 1, 0)
        self._slow[which] = slow
        settled: Truths = truncation <= SETTLED * rounding
        settled |= (slow >= 2) & (truncation <= 10 * SETTLED * rounding)
        seems_noisy: Truths = ~settled & (error > target) & (slow >= 2)
        if seems_noisy.any() and self._listened(int(which[np.argmax(seems_noisy)])):
            return

        step: Floats = rungs.step[: rungs.count, which]
        longest: Floats = step.max(axis=0)
        shortest: Floats = step.min(axis=0)
        # A step is as long as rounding makes it.
        fits: Truths = 1.999 * longest <= self._room[which]
        # Only three longer steps in a row can show by themselves that they are better.
        grow: Truths = np.where(grown, (grown < 3) | (settled & ~stuck), settled)
        grow &= (rounding > target) & fits
        first = grow & (grown == 0)
        if first.any():
            begins = which[first]
            self._bent[begins] = self._bends(begins, entry[first])
        bent = self._bent[which]
        if self._accuracy.tolerance is None:
            for worth_it in (rounding > COARSE / CHEAP * target, ~bent | (grown == 0)):
                if grow.sum() > FEW * len(self._last):
                    grow &= worth_it
        shrink: Truths = ~settled & ~grow & (slow < PATIENCE)
        shrink &= shortest > EPSILON * self._lines.first[which]
        rise: Truths = shrink & fits & (self._second[which] > 1)
        rise &= rungs.count == formula.fewest
        go: Truths = (error > target) & (grow | shrink) & (rungs.count < RUNGS)
        # In turn, as long as the budget lasts.
        afford: Truths = np.cumsum(go) * formula.evaluations <= self._left
        ended: Truths = ~(go & afford)
        # A longer step may be out of f's domain: then its line ends here.
        if (ended | grow).any():
            self._conclude(which, entry, settled, error <= target, go & ~afford)
        if ended.any():
            if formula.order == 1 and not formula.side:
                self._compare_sides(which[ended], targets[ended])
            if ended.all():
                self.active = which[:0]
                return

        lacking = (rounding / target) ** (1 / formula.order)
        # As far as noise asks for, in a leap and two doublings.
        leap = np.fmin(lacking, self._room[which] / longest) / 4
        leap = np.where(bent, np.fmin(leap, LEAP), leap)
        longer = longest * np.where(grown | rise, 2.0, np.fmax(leap, 2.0))
        longer = np.minimum(longer, self._room[which])
        helped: Truths = ~stuck | np.isinf(self._last[which])
        divisor = np.where(helped, 2.0, 8.0)
        # After a leap the best rungs may stand far above the first ones.
        between: Floats = found.step[row, entry] / divisor
        # Below a first step that drowned there is nothing, but in the gap above it.
        gap = (self._second[which] > 2) & (rungs.count == formula.fewest + 1)
        between = np.where(gap, shortest * self._second[which] ** 0.5, between)
        free: Any = (abs(np.log(step / between)) > NEAR).all(axis=0)
        shorter = np.where(free, between, shortest / divisor)
        self._last[which] = error
        self._grown[which] = np.where(grow, grown + 1, 0)
        go &= afford
        self._take(which[go], (grow | rise)[go], longer[go], shorter[go])

    def _bends(self, which: Numbers, entry: Numbers) -> Truths:
        """Whether the quotients differ by more than noise: f is seen to bend."""
        quotient, noise = self._rungs.quotients(which, self._accuracy.sigma)
        row = np.arange(len(which))
        spread = np.ptp(quotient, axis=0)[row, entry]
        return spread > 10 * noise.max(axis=0)[row, entry]

    def _take(
        self, which: Numbers, long: Truths, longer: Floats, shorter: Floats
    ) -> None:
        """One more rung for some lines, which stay active: a longer or shorter step."""
        if len(which):
            defined = self._rungs.look(which, np.where(long, longer, shorter))
            # Where a line only begins, what leaves f's domain is replaced.
            lost = ~defined & long & (self._second[which] > 1)
            lost &= self._rungs.count <= self._formula.fewest
            if lost.any() and lost.sum() * self._formula.evaluations <= self._left:
                self._second[which[lost]] = 0.5
                defined[lost] = self._rungs.look(which[lost], shorter[lost])
                long = long & ~lost
            if not defined[~long].all():
                raise self._f.trouble or AssertionError
            # A longer step that leaves f's domain is none: the line stays as it is.
            which = which[defined]
            self._f.trouble = None
        self._rungs.count += 1
        self.active = which

    def _conclude(
        self,
        which: Numbers,
        entry: Numbers,
        settled: Truths,
        reached: Truths,
        unaffordable: Truths,
    ) -> None:
        """Says how the lines stand, should they end here."""
        rounded = self._rungs.rounded(which)[np.arange(len(which)), entry]
        noisy = self._accuracy.sigma[entry] > 4 * rounded
        self.slopes.outcome[which] = np.select(
            [reached, unaffordable, settled & noisy, settled],
            [Outcome.CONVERGED, Outcome.BUDGET, Outcome.NOISE, Outcome.ROUNDING],
            Outcome.DIVERGED,
        )[:, np.newaxis]

    def _compare_sides(self, which: Numbers, targets: Floats) -> None:
        """Adds to the error by how much the slopes on both sides differ."""
        jumps, errors = self._rungs.jumps(which, self._accuracy.sigma)
        jump: Floats = abs(jumps[-1][0])
        error = errors[-1][0]
        sure: Truths = jump > 4 * error
        sure &= (abs(jumps[-1] - jumps[-2]) < ALIKE * jump).all(axis=0)
        told = (sure & (jump > targets)).any(axis=1)
        # Where there is no limit, nothing vouches for the point itself.
        lost = (self.slopes.outcome[which] == Outcome.DIVERGED) & ~sure
        nearest: Floats = abs(jumps[1][-PATIENCE:]).max(axis=0)
        jump = np.where(lost, nearest, jump)
        self.slopes.error[which] += np.where(sure | lost, (1 + ALIKE) * jump, 0.0)
        self.slopes.outcome[which[told]] = Outcome.SIDES

    def _listened(self, line: int) -> bool:
        """Measures f's noise, once, and says whether it is more than rounding."""
        if not self._accuracy.listen or self._left < LOOKS * POINTS:
            return False
        self._accuracy.listen = False
        width = float(self._lines.first[line])
        sigma = noise_along(self._f, self._lines, line, width, self._formula.side)
        self._accuracy.sigma = np.maximum(self._accuracy.sigma, sigma)
        self._slow[:], self._last[:] = 0, np.inf
        return bool((sigma > self._rungs.rounded(self.active).max(axis=0)).any())


def noise_along(
    f: Evaluation, lines: Lines, line: int, width: float, side: int
) -> Floats:
    """The noise of f, measured on one line close to the point.

    Args:
        f: The function.
        lines: The lines.
        line: Which of them.
        width: A distance over which f bends.
        side: To which side one may go; 0 for both.
    """

    def ask(t: Floats) -> Floats:
        t = side * (t - t.min()) if side else t
        values = f.at(lines, np.full(len(t), line, np.intp), t)
        if not np.isfinite(values).all():
            raise f.trouble or AssertionError
        return values

    return measure(ask, width, LOOKS)[0]
