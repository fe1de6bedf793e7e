"""Ridders' method along lines: difference quotients at several steps, extrapolated.

A difference quotient at step h has two errors. The truncation error of the formula
falls with h, as h² for a central quotient; the rounding and noise error of f's values
grows, as 1/h. No single h makes both small. Ridders' method extrapolates the quotients
of several steps to h = 0, which removes the truncation error power by power, and takes
the extrapolated value with the smallest estimated error.

Each iteration extrapolates, compares the two errors, and adds one step where it helps
most: a shorter one while truncation dominates, a longer one once rounding or noise
does. All lines iterate side by side, so that one batch of evaluations serves them all.

    start, then  update → propose → terminate → evaluate  until no line is active

A few lines begin in Python floats, by the same rules:
`secant.derivatives.scalar_ridders` has once more what is written with masks here.

Source:
    Ridders (1982), "Accurate computation of F'(x) and F'(x) F''(x)", Advances in
    Engineering Software 4(2), 75-76.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from secant.derivatives.difference_quotients import (
    MAX_STEPS,
    Formula,
    QuotientTable,
)
from secant.derivatives.evaluation import Evaluation
from secant.derivatives.extrapolation import Extrapolated
from secant.derivatives.lines import EPSILON, Indices, Lines
from secant.derivatives.noise import MAX_NOISE_PROBES, PROBE_POINTS, noise_along
from secant.derivatives.resolution import (
    FAR,
    GRID_PROBES,
    PLATEAU_PROBES,
    GridSearch,
    grid_spacing,
)
from secant.derivatives.tolerance import (
    DEFAULT_RTOL,
    Accuracy,
    LineDerivatives,
    Outcome,
)
from secant.derivatives.validation import Booleans, Floats

STEP_RATIO = 1.9318516525781366
"""Ratio of neighbouring steps, 2 cos 15°, of which no power is a fraction.

Steps that are halved see a wave whose length divides them as a straight line, and the
grid of f's values as no grid.
"""

NOISY_RTOL = 3e-11
"""Relative error from noise above which many lines may spend more steps on it."""

NOISE_AMPLIFICATION = 6.5
"""Noise of the extrapolated value, in units of the first quotient's noise.

A central quotient at h/rᵏ has rᵏ times the noise of that at h. With r = `STEP_RATIO`
the polynomial in h² through three of them has at h = 0 the weights 0.028, -0.5 and
1.472, so that

    0.028 · 1 + 0.5 r + 1.472 r² = 6.49
"""

MAX_SECOND_STEP = 4.0
"""Largest second step, in units of the first."""

FEW_LINES_SHARE = 0.1
"""Share of all lines for which extra steps cost little."""

MAX_GROWTH = 4.0
"""Largest growth of the step at once where curvature is visible."""

SETTLED_RATIO = 3.0
"""Largest truncation error, in units of the rounding error, that counts as settled."""

SLOW_RATIO = 0.5
"""Ratio of new error to old above which a step did not help."""

MAX_SLOW_STEPS = 4
"""Steps in a row that do not help before a line ends."""

MIN_LOG_SPACING = 0.3
"""Least distance between the logarithms of two steps; closer ones tell nothing new."""

JUMP_RTOL = 0.2
"""Relative spread of several estimates of the same jump of the slope."""


def solve(
    f: Evaluation,
    lines: Lines,
    formula: Formula,
    centre: Floats,
    accuracy: Accuracy,
    *,
    room: Floats,
    limit: Floats,
    budget: float = np.inf,
) -> LineDerivatives:
    """The derivative along each of some lines.

    Args:
        f: The function.
        lines: The lines; all iterate at once.
        formula: The difference formula.
        centre: f at the point itself, (lines, entries).
        accuracy: The tolerance. It keeps what is learned about f's noise.
        room: The longest step allowed, (lines,).
        limit: The distance to the bounds of f, (lines,).
        budget: How many evaluations may be spent.

    Returns:
        Values and errors.

    Raises:
        InvalidInput, or what f raised: f is not defined, however near to the point.
    """
    tableau = RiddersTableau(f, lines, formula, centre, accuracy, room, limit, budget)
    tableau.start()
    # What overflows is not finite, and is refused at the end.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        while len(tableau.active):
            estimate = tableau.update()
            if tableau.learned_noise(estimate) or tableau.learned_plateaus():
                continue
            proposal = tableau.propose(estimate)
            tableau.terminate(estimate, proposal)
            tableau.evaluate(proposal)
    return tableau.result


def is_settled(truncation: Any, rounding: Any, slow_steps: Any) -> Any:
    """Whether truncation is so small beside rounding that shorter steps cannot help.

    It is at most `SETTLED_RATIO` times rounding. After two steps that did not help, ten
    times as much counts as settled, since noise can look like truncation.

    Args:
        truncation: The formula's share of the error, an array or a number.
        rounding: The share of the errors of f's values.
        slow_steps: How many steps in a row did not help.
    """
    few, many = SETTLED_RATIO * rounding, 10 * SETTLED_RATIO * rounding
    return (truncation <= few) | ((slow_steps >= 2) & (truncation <= many))


@dataclass(frozen=True)
class Estimate:
    """The state of the active lines after an extrapolation.

    A line is judged by the worst of f's entries. All but `found` and `targets` are of
    shape (active lines,).

    Attributes:
        found: The extrapolated derivatives.
        targets: The errors to reach, (active lines, entries).
        entry: The worst entry of each line.
        target: The error to reach, of that entry, as all that follows.
        error: The estimated error.
        truncation: The formula's share of it.
        rounding: The share of the errors of f's values.
        stuck: Whether the last step did not help.
        slow_steps: How many steps in a row did not help.
        settled: Whether shorter steps cannot help: rounding dominates.
    """

    found: Extrapolated
    targets: Floats
    entry: Indices
    target: Floats
    error: Floats
    truncation: Floats
    rounding: Floats
    stuck: Booleans
    slow_steps: Indices
    settled: Booleans


@dataclass(frozen=True)
class Proposal:
    """The next step of each active line.

    Attributes:
        wanted: Lines that should go on.
        affordable: Lines that the budget allows to go on.
        growing: Lines that grow because rounding dominates.
        long: Lines whose next step is `longer`; the others take `shorter`.
        longer: A longer step for each line.
        shorter: A shorter step for each line.
    """

    wanted: Booleans
    affordable: Booleans
    growing: Booleans
    long: Booleans
    longer: Floats
    shorter: Floats

    @property
    def ended(self) -> Booleans:
        """Lines that end here."""
        return ~(self.wanted & self.affordable)


class RiddersTableau:
    """Lines that are extrapolated side by side; all active ones have as many steps.

    Args:
        f: The function.
        lines: The lines.
        formula: The difference formula.
        centre: f at the point, (lines, entries).
        accuracy: The tolerance, and what is known about f's noise.
        room: The longest step allowed, (lines,).
        limit: The distance to the bounds of f, (lines,).
        budget: How many evaluations may be spent.
    """

    def __init__(
        self,
        f: Evaluation,
        lines: Lines,
        formula: Formula,
        centre: Floats,
        accuracy: Accuracy,
        room: Floats,
        limit: Floats,
        budget: float,
    ) -> None:
        n, p = centre.shape
        self._f, self._lines, self._formula = f, lines, formula
        self._accuracy, self._centre = accuracy, centre
        self._room, self._limit = room, limit
        self._end = f.used + budget
        self._table = QuotientTable(f, lines, formula, centre)
        self.result = LineDerivatives(*(np.full((n, p), np.nan) for _ in range(4)))
        self.active: Indices = np.arange(n, dtype=np.intp)
        # For each line: its error one step ago, how many steps in a row did not help,
        # and how many in a row were longer ones.
        self._last_error: Floats = np.full(n, np.inf)
        self._slow_steps: Indices = np.zeros(n, np.intp)
        self._growths: Indices = np.zeros(n, np.intp)
        # Whether curvature was visible before the steps grew.
        self._curved: Booleans = np.zeros(n, bool)
        self._grid: GridSearch | None = None
        # The second step in units of the first: 1 / STEP_RATIO, or STEP_RATIO and more.
        self._second: Floats = np.full(n, 1 / STEP_RATIO)

    @property
    def _budget_left(self) -> float:
        return self._end - self._f.used

    # --- the first steps -------------------------------------------------------------

    def start(self) -> None:
        """Takes the first steps; shorter ones where f is not defined so far away."""
        table, formula = self._table, self._formula
        step: Floats = np.minimum(self._lines.initial_step, self._room)
        waiting, tries = self.active, 6
        needed = (formula.min_steps - 1) * formula.evaluations * len(self.active)
        while len(waiting := waiting[~table.evaluate(waiting, step[waiting])]):
            tries -= 1
            more = formula.evaluations * len(waiting)
            if not tries or self._budget_left < needed + more:
                raise self._f.trouble or AssertionError
            step[waiting] /= 16
        table.count = 1
        if self._accuracy.may_find_grid:
            self._grid = self._grid_search(step)
        self._find_grid()
        if self._budget_left >= 2 * needed:
            self._second = self._second_step(step)
        while table.count < formula.min_steps:
            taken = table.step[: table.count]
            again = self._second if table.count == 1 else STEP_RATIO
            longer, shorter = again * taken.max(axis=0), taken.min(axis=0) / STEP_RATIO
            self._evaluate(self.active, self._second > 1, longer, shorter)
            self._find_grid(is_last=table.count == formula.min_steps)

    def _grid_search(self, step: Floats) -> GridSearch:
        """A search along the line on which all coordinates move at once."""
        initial = self._lines.initial_step
        room, limit = (self._room / initial).min(), (self._limit / initial).min()
        return GridSearch(
            self._f,
            self._lines.together(),
            self._formula.side,
            centre=self._centre[:1],
            step=(step / initial).min(),
            far=[factor * room for factor in FAR if factor * room <= limit],
        )

    def _find_grid(self, *, is_last: bool = False) -> None:
        """Learns from the values so far whether f's values lie on a grid."""
        accuracy, grid = self._accuracy, self._grid
        if grid is None or grid.decided:
            return
        left = max(0, self._formula.min_steps - self._table.count)
        needed = left * self._formula.evaluations * len(self.active)
        if self._budget_left < needed + GRID_PROBES + PLATEAU_PROBES:
            return
        ahead = np.concatenate(self._table.seen_ahead)
        behind = np.concatenate(self._table.seen_behind)
        accuracy.learn(grid.spacing(ahead, behind, is_last=is_last))
        accuracy.may_find_grid = not grid.decided

    def _find_wider_grid(self) -> None:
        """Learns that larger values of few digits, far away, are spaced wider."""
        if self._grid is None or not self._accuracy.resolution:
            return
        seen = np.concatenate([*self._table.seen_ahead, *self._table.seen_behind])
        spacing = np.where(self._accuracy.sigma > 0, grid_spacing(seen), 0.0)
        self._accuracy.learn(spacing)

    def _second_step(self, step: Floats) -> Floats:
        """The second step in units of the first: longer where rounding dominates.

        The steps h, h/r and h/r² amplify the rounding of the first quotient by
        `NOISE_AMPLIFICATION`. Where that exceeds the target already, shorter steps
        cannot reach it, and the line grows from the beginning instead. Not so for
        noise, which hides more: a wave shorter than h looks smooth, within noise, at h
        and all longer steps, and only a shorter one shows it.
        """
        known = np.zeros_like(self._accuracy.sigma)
        quotient, noise = self._table.quotients(self.active, known)
        target = self._accuracy.targets(quotient[0])
        # Where f is even the slope is 0, and no scale says how much noise is too much.
        noise = NOISE_AMPLIFICATION * noise[0]
        excess = np.divide(noise, target, out=np.zeros_like(noise), where=target > 0)
        excess = np.where(self._accuracy.sigma > 0, 0.0, excess).max(axis=1)
        # Where f does not change at h, a longer step may tell a constant from a grid.
        excess = np.where(self._table.is_flat(self.active), MAX_GROWTH, excess)
        # Two longer steps have to fit in, each longer than the one before.
        longer = np.minimum(
            np.clip(excess / MAX_GROWTH, STEP_RATIO, MAX_SECOND_STEP),
            self._room / (STEP_RATIO * step),
        )
        return np.where((excess > 1) & (longer >= STEP_RATIO), longer, 1 / STEP_RATIO)

    # --- one iteration ---------------------------------------------------------------

    def update(self) -> Estimate:
        """Extrapolates the quotients of all active lines, and estimates the errors.

        The error of an extrapolated value is the sum of two shares. *Truncation* is by
        how much the value differs from the two polynomials of one step less that it is
        made of. *Rounding* is what the errors of f's values may contribute, with the
        absolute weights of the polynomial.

        A step *did not help* where the error stays above `SLOW_RATIO` of the last one.
        A line is *settled* where shorter steps only amplify the noise (`is_settled`).
        """
        which = self.active
        found = self._table.extrapolated(which, self._accuracy.sigma)
        total = found.truncation + found.rounding
        self.result.value[which], self.result.error[which] = found.value, total
        self.result.step[which] = found.step
        targets: Floats = self._accuracy.targets(self.result.value)[which]
        excess = np.divide(total, targets, out=total.copy(), where=targets > 0)
        entry: Indices = excess.argmax(axis=1)
        worst = np.arange(len(which)), entry
        error: Floats = total[worst]
        truncation: Floats = found.truncation[worst]
        rounding: Floats = found.rounding[worst]

        stuck: Booleans = ~(error <= SLOW_RATIO * self._last_error[which])
        # While steps grow, each costs accuracy at first: those do not count.
        unhelpful = stuck & (self._growths[which] == 0)
        slow: Indices = np.where(unhelpful, self._slow_steps[which] + 1, 0)
        self._slow_steps[which] = slow
        settled: Booleans = is_settled(truncation, rounding, slow)
        return Estimate(
            found,
            targets,
            entry,
            targets[worst],
            error,
            truncation,
            rounding,
            stuck,
            slow,
            settled,
        )

    def learned_noise(self, estimate: Estimate) -> bool:
        """Measures f's noise where differences look noisy, once for all lines.

        Two steps in a row did not help, and the errors of rounding do not explain it:
        then f's values may be noisier than their rounding.

        Returns:
            Whether the noise exceeds rounding, so that `update` judges otherwise.
        """
        noisy: Booleans = (
            ~estimate.settled
            & (estimate.error > estimate.target)
            & (estimate.slow_steps >= 2)
        )
        accuracy = self._accuracy
        affordable = self._budget_left >= MAX_NOISE_PROBES * PROBE_POINTS
        if not (noisy.any() and accuracy.may_measure_noise and affordable):
            return False
        accuracy.may_measure_noise = False
        line = int(self.active[np.argmax(noisy)])
        width = float(self._lines.initial_step[line])
        sigma = noise_along(self._f, self._lines, line, width, self._formula.side)
        accuracy.sigma = np.maximum(accuracy.sigma, sigma)
        self._slow_steps[:], self._last_error[:] = 0, np.inf
        return bool((sigma > self._table.rounded(self.active).max(axis=0)).any())

    def learned_plateaus(self) -> bool:
        """Measures the steps of f where shorter steps meet its plateaus.

        A function of a rounded x has equal values at points close together, from which
        its quotients seem to converge to 0. Once such values are met, the height of the
        plateaus is measured, on one line for all, and counts as noise.

        Returns:
            Whether f is a staircase, so that `update` judges otherwise.
        """
        accuracy, table = self._accuracy, self._table
        if not accuracy.may_find_plateaus or self._budget_left < PLATEAU_PROBES:
            return False
        meets = table.lands_on_plateau(self.active)
        if not meets.any():
            return False
        accuracy.may_find_plateaus = False
        line = int(self.active[np.argmax(meets.any(axis=1))])
        search = GridSearch(
            self._f,
            self._lines[[line]],
            self._formula.side,
            centre=self._centre[[line]],
        )
        entries: Booleans = meets[self.active == line][0]
        changed = table.shortest_with_change(line, entries)
        flat = float(table.step[: table.count, line].min())
        is_new = accuracy.learn(search.plateau_height(flat, changed, entries))
        if is_new:
            self._slow_steps[:], self._last_error[:] = 0, np.inf
        return is_new

    def propose(self, estimate: Estimate) -> Proposal:
        """The lines that go on, and their next steps.

        A line goes on while its error exceeds the target and a step can still help:

        - It *grows* once it is settled and rounding alone exceeds the target. Rounding
          falls as 1/hᵖ for a derivative of order p, so the step has to be
          `(rounding / target)^(1/p)` times as long. Ridders' table needs three new
          steps to show an improvement; so a line that began to grow takes three, the
          last of them at the length that noise asks for: one leap to a quarter of it
          and two times r. Where f visibly bends, a leap is limited to `MAX_GROWTH`.
        - It *shrinks* while truncation dominates. The next step divides the leading
          truncation term by 3.7. Where that stopped to help, the step is divided
          by 7: f may vary at a much shorter length.
        - It *rises* where its first steps were chosen longer than the initial one.

        A new step close to one that was already taken tells nothing new; then the
        shortest step is divided instead.
        """
        table, formula, which = self._table, self._formula, self.active
        step: Floats = table.step[: table.count, which]
        longest: Floats = step.max(axis=0)
        shortest: Floats = step.min(axis=0)
        growths, second = self._growths[which], self._second[which]
        # Not 2: rounding changes the length of a step.
        fits: Booleans = 0.9995 * STEP_RATIO * longest <= self._room[which]
        grow = self._growing(estimate, fits)
        shrink: Booleans = ~estimate.settled & ~grow
        shrink &= estimate.slow_steps < MAX_SLOW_STEPS
        shrink &= shortest > EPSILON * self._lines.initial_step[which]
        starting = table.count == formula.min_steps
        rise: Booleans = shrink & fits & (second > 1) & starting
        wanted: Booleans = (estimate.error > estimate.target) & (grow | shrink)
        wanted &= table.count < MAX_STEPS
        # In turn, as long as the budget lasts.
        affordable: Booleans = (
            np.cumsum(wanted) * formula.evaluations <= self._budget_left
        )

        lacking = (estimate.rounding / estimate.target) ** (1 / formula.order)
        leap = np.fmin(lacking, self._room[which] / longest) / 4
        leap = np.where(self._curved[which], np.fmin(leap, MAX_GROWTH), leap)
        longer = longest * np.where(
            growths | rise, STEP_RATIO, np.fmax(leap, STEP_RATIO)
        )
        longer = np.minimum(longer, self._room[which])

        helped: Booleans = ~estimate.stuck | np.isinf(self._last_error[which])
        divisor = np.where(helped, STEP_RATIO, STEP_RATIO**3)
        # After a leap the best steps may be far above the first ones.
        worst = np.arange(len(which)), estimate.entry
        between: Floats = estimate.found.step[worst] / divisor
        # Below a first step that drowned in noise there is nothing, but in the gap
        # between it and the second.
        gap = (second > 2) & (table.count == formula.min_steps + 1)
        between = np.where(gap, shortest * np.sqrt(second), between)
        free: Any = (abs(np.log(step / between)) > MIN_LOG_SPACING).all(axis=0)
        shorter = np.where(free, between, shortest / divisor)
        return Proposal(wanted, affordable, grow, grow | rise, longer, shorter)

    def _growing(self, estimate: Estimate, fits: Booleans) -> Booleans:
        """Lines whose step should grow: rounding dominates and exceeds the target."""
        which, growths = self.active, self._growths[self.active]
        settled, rounding, target = (
            estimate.settled,
            estimate.rounding,
            estimate.target,
        )
        # Only three longer steps in a row can show by themselves that they are better.
        grow: Booleans = np.where(
            growths, (growths < 3) | (settled & ~estimate.stuck), settled
        )
        grow &= (rounding > target) & fits
        first = grow & (growths == 0)
        if first.any():
            begins = which[first]
            self._curved[begins] = self._is_curved(begins, estimate.entry[first])
        if self._accuracy.tolerance is None:
            # Nobody asked for this accuracy: many lines get it only at a low price.
            curved = self._curved[which]
            large = rounding > NOISY_RTOL / DEFAULT_RTOL * target
            for worth_it in (large, ~curved | (growths == 0)):
                if grow.sum() > FEW_LINES_SHARE * len(self._last_error):
                    grow &= worth_it
        return grow

    def terminate(self, estimate: Estimate, proposal: Proposal) -> None:
        """Ends the lines that do not go on, and says how they ended.

        The outcome of a growing line is recorded, too: a longer step may leave f's
        domain, and then the line ends with what it has.
        """
        which, ended = self.active, proposal.ended
        if (ended | proposal.growing).any():
            self._record_outcome(estimate, proposal)
        if ended.any() and self._formula.order == 1 and not self._formula.side:
            self._detect_kinks(which[ended], estimate.targets[ended])
        self._last_error[which] = estimate.error
        growths = self._growths[which]
        self._growths[which] = np.where(proposal.growing, growths + 1, 0)

    def evaluate(self, proposal: Proposal) -> None:
        """Takes the proposed step of each line that goes on."""
        go = ~proposal.ended
        if not go.any():
            self.active = self.active[:0]
            return
        self._evaluate(
            self.active[go],
            proposal.long[go],
            proposal.longer[go],
            proposal.shorter[go],
        )

    def _evaluate(
        self, which: Indices, long: Booleans, longer: Floats, shorter: Floats
    ) -> None:
        """Takes one more step, longer or shorter, on some lines, which stay active."""
        if len(which):
            defined = self._table.evaluate(which, np.where(long, longer, shorter))
            # At the start, a longer step that leaves f's domain becomes a shorter one.
            lost = ~defined & long & (self._second[which] > 1)
            lost &= self._table.count <= self._formula.min_steps
            more = lost.sum() * self._formula.evaluations
            if lost.any() and more <= self._budget_left:
                self._second[which[lost]] = 1 / STEP_RATIO
                defined[lost] = self._table.evaluate(which[lost], shorter[lost])
                long = long & ~lost
            if not defined[~long].all():
                raise self._f.trouble or AssertionError
            # Later, the line ends with what it has.
            which = which[defined]
            self._f.trouble = None
        self._table.count += 1
        self.active = which
        if long.any():
            self._find_wider_grid()

    # --- curvature, outcomes, kinks --------------------------------------------------

    def _is_curved(self, which: Indices, entry: Indices) -> Booleans:
        """Whether curvature is visible: the quotients differ by more than noise."""
        quotient, noise = self._table.quotients(which, self._accuracy.sigma)
        row = np.arange(len(which))
        spread = np.ptp(quotient, axis=0)[row, entry]
        return spread > 10 * noise.max(axis=0)[row, entry]

    def _record_outcome(self, estimate: Estimate, proposal: Proposal) -> None:
        """Says how each active line ends, should it end here."""
        which, entry, settled = self.active, estimate.entry, estimate.settled
        rounded = self._table.rounded(which)[np.arange(len(which)), entry]
        noisy = self._accuracy.sigma[entry] > 4 * rounded
        reached = estimate.error <= estimate.target
        unaffordable = proposal.wanted & ~proposal.affordable
        self.result.outcome[which] = np.select(
            [reached, unaffordable, settled & noisy, settled],
            [Outcome.CONVERGED, Outcome.BUDGET, Outcome.NOISE, Outcome.ROUNDING],
            Outcome.DIVERGED,
        )[:, np.newaxis]

    def _detect_kinks(self, which: Indices, targets: Floats) -> None:
        """Adds the jump of the slope to the error, where the point is on a kink.

        Central quotients cannot see a kink at the point: they converge to the mean of
        the slopes on both sides, with a tiny error estimate (|x| at 0 gives exactly 0).
        `QuotientTable.jumps` estimates half of the difference c of both slopes, from
        all steps and from all but the shortest or longest. The jump counts as certain
        where it exceeds four times its own error and the estimates agree within
        `JUMP_RTOL`: at a smooth point c tends to 0, and the estimates scatter about it.

        Where a line did not converge and no jump is certain, the largest c of the
        shortest steps bounds what the central quotients may have missed.

        Nor do central quotients see the value at the point: a jump there, or a pole
        near by, is added as well (`QuotientTable.offset`).
        """
        jumps, errors = self._table.jumps(which, self._accuracy.sigma)
        jump: Floats = abs(jumps[-1][0])
        error = errors[-1][0]
        certain: Booleans = jump > 4 * error
        certain &= (abs(jumps[-1] - jumps[-2]) < JUMP_RTOL * jump).all(axis=0)
        kinked = (certain & (jump > targets)).any(axis=1)
        unknown = (self.result.outcome[which] == Outcome.DIVERGED) & ~certain
        largest: Floats = abs(jumps[1][-MAX_SLOW_STEPS:]).max(axis=0)
        jump = np.where(unknown, largest, jump)
        added = np.where(certain | unknown, (1 + JUMP_RTOL) * jump, 0.0)
        added[np.isnan(added)] = np.inf  # steps so short that the jump overflows
        offset, is_offset = self._table.offset(which, self._accuracy.sigma)
        is_offset &= ~certain & (self.result.outcome[which] <= Outcome.NOISE)
        added = np.maximum(added, np.where(is_offset, offset, 0.0))
        self.result.error[which] += added
        self.result.outcome[which[is_offset.any(axis=1)]] = Outcome.DIVERGED
        self.result.outcome[which[kinked]] = Outcome.KINK
