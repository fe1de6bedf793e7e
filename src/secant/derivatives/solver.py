"""The problem of a derivative: its arguments, validated, and its solution.

`DerivativeProblem` holds what a call of `derivative`, `gradient`, `jacobian`, `hessian`
or `directional_derivative` asks for. It chooses the method, keeps the budget of
evaluations, stays within bounds, and turns the derivatives along lines into a result.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from secant.arrays import as_real, first_entry
from secant.derivatives.bounds import as_bounds
from secant.derivatives.complex_step import (
    COMPLEX_STEP_RATIO,
    complex_step,
    refuse_unlike,
)
from secant.derivatives.difference_quotients import Formula
from secant.derivatives.evaluation import Evaluation
from secant.derivatives.lines import EPSILON, Indices, Lines, scale
from secant.derivatives.noise import MAX_NOISE_PROBES, PROBE_POINTS, noise_along
from secant.derivatives.one_sided import MAX_ONE_SIDED_LINES, from_one_side
from secant.derivatives.result import Derivative
from secant.derivatives.ridders import solve
from secant.derivatives.rounding_error import with_rounding_error
from secant.derivatives.scalar_ridders import MAX_LINES, solve_in_floats
from secant.derivatives.tolerance import (
    DEFAULT_RTOL,
    RMS_OF_ROUNDING,
    Accuracy,
    LineDerivatives,
    Outcome,
)
from secant.derivatives.validation import (
    Booleans,
    Floats,
    as_function,
    as_point,
    entry_name,
    refuse_overflow,
)
from secant.errors import InvalidInput, short_repr
from secant.parallel.map import open_caller
from secant.validation import Choice, Or, RealNumber, Share, WholeNumber, validate

SIDES = {"central": 0, "forward": 1, "backward": -1}
DERIVATIVE_METHODS = (*SIDES, "complex", "difference")

TOLERANCE = Or(Share(closed="left", meaning="a relative error", example="1e-6"), None)
NOISE = Or(
    RealNumber(low=0, meaning="the standard deviation of f's values", example="1e-6"),
    "measure",
    None,
)
MAX_EVALUATIONS = Or(WholeNumber(low=1, example=1000), None)

BLOCK_NUMBERS = 1 << 20
"""Numbers in the points of one batch, or in the values there, at most."""

NOISE_PROBE_SHARE = 0.02
"""Cost of measuring noise unasked, as a share of the fewest evaluations, at most."""

HIDING_SHARE = 0.01
"""Change of f over the initial step, relative to f, that may hide all of its slope."""

MIN_ROOM_RATIO = 0.25
"""Room on one side, in units of the initial step, below which only the other serves."""


class DerivativeProblem:
    """A derivative to compute: validated arguments, and the state of its solution.

    The arguments are those of `secant.derivatives.derivatives.derivative`.
    """

    def __init__(
        self,
        f: Any,
        x: Any,
        order: int,
        method: Any,
        step: Any,
        tolerance: Any,
        noise: Any,
        bounds: Any,
        max_evaluations: Any,
        vectorized: bool,
        workers: Any,
    ) -> None:
        self.f = as_function(f)
        self.x = as_point(x)
        self.order = order
        self.method = validate("method", method, Choice(DERIVATIVE_METHODS))
        if method == "complex" and order > 1:
            raise InvalidInput(
                'method="complex" gives first derivatives: pass method="central", or '
                '"difference" for a function made of JAX operations'
            )
        self.step = None if step is None else _positive(step, self.x)
        self.tolerance = validate("tolerance", tolerance, TOLERANCE)
        self.noise = validate("noise", noise, NOISE)
        self.lower, self.upper = as_bounds(bounds, self.x)
        self._is_bounded = bounds is not None
        if self._is_bounded:
            self.x = np.clip(self.x, self.lower, self.upper)
        most = validate("max_evaluations", max_evaluations, MAX_EVALUATIONS)
        self.budget = np.inf if most is None else float(most)
        self.vectorized = vectorized
        self.workers = workers
        self._centre: Floats | None = None
        self._propagated = 0
        # The known noise of f, for each of its entries or for all.
        self._sigma: Floats = np.array(
            [self.noise if isinstance(self.noise, float) else 0.0]
        )
        self._resolution = 0.0
        if method == "difference" and (vectorized or workers is not None):
            raise InvalidInput(
                'method="difference" compiles f with JAX and calls it in its own way: '
                "leave out vectorized and workers"
            )

    @contextmanager
    def evaluating(self, *, scalar: bool) -> Generator[None, None, None]:
        """The context in which f can be called."""
        with open_caller(self.f, self.workers) as call:
            self._evaluate = Evaluation(call, scalar=scalar, vectorized=self.vectorized)
            self._complex = Evaluation(
                call, scalar=scalar, vectorized=self.vectorized, dtype=complex
            )
            yield

    @property
    def f_shape(self) -> tuple[int, ...]:
        """The shape of f's values, known after the first call."""
        return self._evaluate.shape or ()

    @property
    def evaluations(self) -> int:
        """The number of evaluations of f so far."""
        return self._evaluate.used + self._complex.used + self._propagated

    def solve(
        self, lines: Lines, *, per_line: bool = False, later: int = 0
    ) -> LineDerivatives:
        """The derivatives along lines.

        Args:
            lines: The lines.
            per_line: Whether each is a derivative of its own, with its own scale.
            later: How many more lines will come, for which some budget is reserved.
        """
        if lines.shape is None and not len(lines):
            self._evaluate.shape = ()
            return LineDerivatives(*np.zeros((4, 0, 1)))
        if self._may_begin_in_floats(lines):
            smooth = solve_in_floats(
                self._evaluate, lines, self.tolerance, per_line=per_line
            )
            if smooth is not None and not len(self._hidden(lines, *smooth)):
                self._centre, found = smooth
                return found
            self._evaluate.rewind()
        if self.method == "difference":
            return self._by_propagation(lines)
        if self.method != "complex":
            # Before f is called, and before its noise is measured.
            sides, _ = self._sides(lines)
            self._require_budget(self._centres(lines) + self._fewest(sides, later))
        centre = self._at_centre(lines)
        if not centre.size:
            return LineDerivatives(*np.zeros((4, len(lines), centre.shape[1])))
        if self.method == "complex":
            self._require_budget((9 if per_line else 1) * len(lines) + 14)
            return self._by_complex_step(lines, centre, per_line)
        return self._by_differences(lines, centre, per_line, later)

    def _may_begin_in_floats(self, lines: Lines) -> bool:
        """Whether these lines may begin in Python floats, see `scalar_ridders`."""
        return (
            0 < len(lines) <= MAX_LINES
            and lines.entries.shape[1] == 1
            and self.order == 1
            and self.method == "central"
            and self.noise is None
            and self.budget == np.inf
            and not (self._is_bounded or self.vectorized)
            and self.workers is None
        )

    def result(
        self, found: LineDerivatives, shaped: Callable[[Floats], Floats]
    ) -> Derivative:
        """The result for the user."""
        value, error, step, outcome = (
            shaped(a) for a in (found.value, found.error, found.step, found.outcome)
        )
        with np.errstate(invalid="ignore"):
            refuse_overflow(np.asarray(value), "x")
        success, status = self._status(value, error, step, outcome)
        return Derivative(
            value[()], error[()], step[()], self.evaluations, success, status
        )

    def _status(
        self, value: Floats, error: Floats, step: Floats, outcome: Floats
    ) -> tuple[bool, str]:
        if not value.size:
            return True, "converged: there is nothing to differentiate by"
        largest = float(error.max())
        worst = Outcome(int(outcome.max()))
        if self.method in ("complex", "difference") and worst is Outcome.ROUNDING:
            asked = self.tolerance if self.tolerance is not None else DEFAULT_RTOL
            if (error <= asked * abs(value).max()).all():
                worst = Outcome.CONVERGED
        estimate = f"the estimated error is at most {largest:.0e}"
        if worst is Outcome.CONVERGED:
            if self.tolerance is None:
                return True, f"converged: {estimate}"
            return True, (
                f"converged: the estimated error of at most {largest:.0e} is within "
                "the tolerance"
            )
        first = first_entry("value", outcome == worst)
        fine = self.tolerance is None and not self._is_meaningless(value, error, step)
        if worst is Outcome.ROUNDING:
            return fine, f"limited by rounding: {estimate}"
        if worst is Outcome.NOISE:
            return fine, f"limited by {self._noise_in_words()}: {estimate}"
        if worst is Outcome.BUDGET:
            return False, f"stopped by max_evaluations={int(self.budget)}: {estimate}"
        if worst is Outcome.KINK:
            return False, (
                f"the slopes on both sides differ at {first}, as at a kink: {estimate}"
            )
        return False, (
            f"did not converge at {first}: f has a kink, a jump or noise near the "
            f"point, or bends within a shorter step; {estimate}"
        )

    def _is_meaningless(self, value: Floats, error: Floats, step: Floats) -> bool:
        """Whether nothing is known of the derivatives, not even their signs.

        Their error is larger than all of them, and so large that f might change by
        more than itself within the scale of x, or within the steps.
        """
        largest = float(error.max())
        if largest <= abs(value).max() or self._centre is None:
            return False
        reach = max(scale(self.x).max(initial=0.0), float(step.max(initial=0.0)))
        change = largest * reach**self.order
        return bool(change > abs(self._centre).max(initial=0.0))

    def _noise_in_words(self) -> str:
        sigma = float(self._sigma.max())
        if RMS_OF_ROUNDING * self._resolution < sigma:
            return f"the function's noise of {sigma:.0e}"
        words = f"the resolution of the function's values, {self._resolution:.0e}"
        if self._evaluate.computes_in_float32:
            words += (
                ' (JAX computes it in float32: pass method="difference", which loses '
                'no digits, or call jax.config.update("jax_enable_x64", True) first)'
            )
        return words

    def _centres(self, lines: Lines) -> int:
        """How many points of lines f has to be evaluated at."""
        if lines.shape is None:
            return len(lines)
        return int(self._centre is None)

    def _at_centre(self, lines: Lines) -> Floats:
        """The value of f at the point of each line, (lines, entries)."""
        f = self._evaluate
        self._require_budget(self._centres(lines))
        if lines.shape is None:
            count = len(lines)
            centre = f.at(lines, np.arange(count, dtype=np.intp), np.zeros(count))
        elif self._centre is None:
            centre = f.of([self.x.copy()], lambda _: "at x")
        else:
            centre = self._centre
        if not np.isfinite(centre).all():
            raise f.trouble or AssertionError
        self._centre = centre
        return np.broadcast_to(centre, (len(lines), centre.shape[1]))

    def _by_propagation(self, lines: Lines) -> LineDerivatives:
        # Only this method loads JAX.
        from secant.derivatives.propagated import propagated_derivatives

        each = lines.shape is None or self.order > 1
        found, centre, used = propagated_derivatives(
            self.f, lines, self.order, each=each
        )
        shape = np.shape(centre)
        if self._evaluate.shape == () and shape != ():
            raise InvalidInput(
                f"f returned an array of shape {shape} at x, and a slope needs one "
                "real number: `return jnp.sum(y)`"
            )
        self._evaluate.shape = shape[1:] if lines.shape is None else shape
        self._propagated += used
        return found

    def _by_complex_step(
        self, lines: Lines, centre: Floats, per_line: bool
    ) -> LineDerivatives:
        f = self._complex
        f.shape = self._evaluate.shape

        def slopes_along(lines: Lines) -> Floats:
            parts = [complex_step(f, part) for part in self._parts(lines, centre)]
            return np.concatenate(parts) if parts else np.zeros((0, centre.shape[1]))

        probed = with_rounding_error(
            slopes_along,
            lines,
            each=per_line,
            inward=self.inward(lines),
            bounds=(self.lower.ravel(), self.upper.ravel()),
        )
        if len(lines):
            probes = probed.probes if probed.weights is None else probed.probes[:1]
            count = len(probes)
            expected = self._real_differences(probes, centre[:count])
            refuse_unlike(
                probed.along_probes[:count],
                expected.value,
                expected.error + probed.probe_error[:count],
                self._change(probes, centre[:count]),
            )
        initial = lines.initial_step[:, np.newaxis]
        step = np.repeat(COMPLEX_STEP_RATIO * initial, centre.shape[1], 1)
        outcome = np.full(step.shape, float(Outcome.ROUNDING))
        return LineDerivatives(probed.slopes, probed.error, step, outcome)

    def _change(self, lines: Lines, centre: Floats) -> Floats:
        """By how much f changes over the first step, for each unit of it."""
        step = lines.initial_step * np.where(self.inward(lines) < 0, -1, 1)
        back, ahead = self._distance_to_bounds(lines)
        step = np.clip(step, -back, ahead)
        there = self._evaluate.at(lines, np.arange(len(lines), dtype=np.intp), step)
        self._evaluate.trouble = None
        change: Floats = abs(there - centre) / abs(step)[:, np.newaxis]
        return np.where(np.isfinite(change), change, 0.0)

    def _real_differences(self, lines: Lines, centre: Floats) -> LineDerivatives:
        """Derivatives by real differences, to a coarse tolerance at small cost."""
        accuracy = Accuracy(
            1e-5,
            0 * centre[0],
            may_measure_noise=False,
            may_find_grid=False,
            may_find_plateaus=False,
            per_line=True,
        )
        return self._solve(lines, centre, accuracy, 0)

    def _by_differences(
        self, lines: Lines, centre: Floats, per_line: bool, later: int
    ) -> LineDerivatives:
        p = centre.shape[1]
        sigma: Floats = np.zeros(p) + self._sigma
        accuracy = Accuracy(
            self.tolerance,
            sigma,
            may_measure_noise=self.noise is None,
            may_find_grid=not isinstance(self.noise, float),
            may_find_plateaus=not isinstance(self.noise, float),
            per_line=per_line,
        )
        cheap = self._noise_is_cheap_to_measure(lines) and not per_line
        if (self.noise == "measure" or cheap) and not sigma.any() and len(lines):
            side = int(self._sides(lines)[0][0])
            self._require_budget(MAX_NOISE_PROBES * PROBE_POINTS)
            width = float(lines.initial_step[0])
            accuracy.sigma = noise_along(self._evaluate, lines, 0, width, side)
        first = replace(accuracy)
        found = self._solve(lines, centre, accuracy, later)
        hidden = self._hidden(lines, centre, found)
        # Of a staircase, neighbouring points agree by accident.
        smooth = not accuracy.resolution
        if (
            smooth
            and len(hidden)
            and self._take_one_side(lines, centre, first, found, hidden, later)
        ):
            return found
        self._sigma = accuracy.sigma
        self._resolution = max(self._resolution, accuracy.resolution)
        return found

    def _hidden(self, lines: Lines, centre: Floats, found: LineDerivatives) -> Indices:
        """The lines of which nothing is known, as where f has a wall near by."""
        outcome = found.outcome
        if self.order > 1 or self.method != "central" or not outcome.any():
            return np.zeros(0, np.intp)
        change = found.error * lines.initial_step[:, np.newaxis]
        unknown = (found.error > abs(found.value)) & (
            change > HIDING_SHARE * abs(centre)
        )
        unknown &= (outcome == Outcome.ROUNDING) | (outcome == Outcome.NOISE)
        hidden: Booleans = (unknown | (outcome == Outcome.DIVERGED)).any(axis=1)
        if hidden.any():
            hidden &= self._sides(lines)[0] == 0
        which: Indices = np.flatnonzero(hidden)
        return which if len(which) <= MAX_ONE_SIDED_LINES else which[:0]

    def _take_one_side(
        self,
        lines: Lines,
        centre: Floats,
        accuracy: Accuracy,
        found: LineDerivatives,
        which: Indices,
        later: int,
    ) -> bool:
        """Replaces derivatives of which one side knows more; says whether all were."""
        limit = self._sides(lines)[1][which]
        left = self.budget - self.evaluations - self._fewest(which[:0], later)
        taken = np.zeros((len(which), centre.shape[1]), bool)
        for i, known, part in from_one_side(
            self._evaluate,
            lines[which],
            centre[which],
            accuracy,
            room=np.minimum(limit, lines.max_step[which]),
            limit=limit,
            budget=left,
        ):
            line = which[i]
            better = known & (part.error[0] < found.error[line])
            taken[i] = better
            for ours, theirs in zip(
                (found.value, found.error, found.step, found.outcome),
                (part.value, part.error, part.step, part.outcome),
                strict=True,
            ):
                ours[line, better] = theirs[0, better]
        return bool(taken.all())

    def _fewest(self, sides: Indices, later: int) -> int:
        """The fewest evaluations of lines that use these sides, and of later ones."""
        central, one_sided = Formula(self.order, 0), Formula(self.order, 1)
        both = central.min_steps * central.evaluations
        one = one_sided.min_steps * one_sided.evaluations
        narrow = int(np.count_nonzero(sides))
        needed = narrow * one + (len(sides) - narrow) * both
        return needed + later * (one if SIDES.get(self.method) else both)

    def _noise_is_cheap_to_measure(self, lines: Lines) -> bool:
        """Whether measuring f's noise costs little beside the derivative itself."""
        formula = Formula(self.order, SIDES.get(self.method, 0))
        fewest = len(lines) * formula.min_steps * formula.evaluations
        cost = MAX_NOISE_PROBES * PROBE_POINTS
        left = self.budget - self.evaluations - cost
        return (
            self.noise is None and cost <= NOISE_PROBE_SHARE * fewest and fewest <= left
        )

    def _solve(
        self, lines: Lines, centre: Floats, accuracy: Accuracy, later: int
    ) -> LineDerivatives:
        """Derivatives by real differences, in blocks of lines and side by side."""
        sides, limit = self._sides(lines)
        room = np.minimum(limit, lines.max_step)
        reserved = self._fewest(sides, later)
        self._require_budget(reserved)
        found = LineDerivatives(
            *(np.zeros((len(lines), centre.shape[1])) for _ in range(4))
        )
        for side in (0, 1, -1):
            formula = Formula(self.order, side)
            needed = formula.min_steps * formula.evaluations
            chosen = np.flatnonzero(sides == side)
            for which in self._blocks(chosen, centre.shape[1]):
                reserved -= len(which) * needed
                part = solve(
                    self._evaluate,
                    lines[which],
                    formula,
                    centre[which],
                    accuracy,
                    room=room[which],
                    limit=limit[which],
                    budget=self.budget - self.evaluations - reserved,
                )
                found.value[which], found.error[which] = part.value, part.error
                found.step[which], found.outcome[which] = part.step, part.outcome
        return found

    def inward(self, lines: Lines) -> Indices:
        """The side of each line with more room: 1 ahead, -1 behind, 0 for both."""
        back, ahead = self._distance_to_bounds(lines)
        return np.where(ahead == back, 0, np.where(ahead > back, 1, -1))

    def _distance_to_bounds(self, lines: Lines) -> tuple[Floats, Floats]:
        return lines.distance_to_bounds(self.lower.ravel(), self.upper.ravel())

    def _sides(self, lines: Lines) -> tuple[Indices, Floats]:
        """The side of the point that each line uses, and its room within the bounds."""
        side = np.full(len(lines), SIDES.get(self.method, 0), np.intp)
        if not self._is_bounded:
            return side, np.full(len(lines), np.inf)
        back, ahead = self._distance_to_bounds(lines)
        needed = np.minimum(lines.initial_step, np.maximum(back, ahead))
        narrow = np.minimum(back, ahead) < MIN_ROOM_RATIO * needed
        if self.method not in ("forward", "backward"):
            side[narrow] = np.where(ahead >= back, 1, -1)[narrow]
        room = np.select([side > 0, side < 0], [ahead, back], np.minimum(back, ahead))
        small = EPSILON**0.5 * lines.initial_step
        if (room <= small).any():
            line = int(np.argmax(room <= small))
            entry = entry_name(int(lines.entries[line, 0]), self.x.shape)
            raise InvalidInput(
                f"bounds leave no room for a step at {entry}, where x is "
                f"{float(lines.x[lines.entries[line, 0]])!r}: widen them"
                + (
                    ' or pass method="central", which uses the side with room'
                    if max(back[line], ahead[line]) > small[line]
                    else ", or leave the coordinate out"
                )
            )
        return side, room

    def _blocks(self, which: Indices, entries: int) -> Iterator[Indices]:
        """Lines in blocks whose points and values fit in little memory."""
        size = max(1, BLOCK_NUMBERS // max(self.x.size, 48 * entries))
        for start in range(0, len(which), size):
            yield which[start : start + size]

    def _parts(self, lines: Lines, centre: Floats) -> Iterator[Lines]:
        for which in self._blocks(np.arange(len(lines)), centre.shape[1]):
            yield lines[which]

    def _require_budget(self, evaluations: int) -> None:
        needed = self.evaluations + evaluations
        if needed > self.budget:
            raise InvalidInput(
                f"max_evaluations is {int(self.budget)}, and a derivative with an "
                f"error takes at least {needed} here: pass that many"
                + (
                    ', or method="forward", which takes about half as many'
                    if self.method == "central"
                    else ""
                )
            )


def _positive(step: Any, x: Floats) -> Floats:
    shape = x.shape
    array = np.array(as_real(step, "step"), float)
    if not (array > 0).all() or not np.isfinite(array).all():
        raise InvalidInput(
            f"step is {short_repr(step)}: pass a positive number such as step=0.1, or "
            "one for each entry of x"
        )
    try:
        steps = np.broadcast_to(array, shape)
    except ValueError:
        raise InvalidInput(
            f"step has shape {array.shape} where x has {shape}: pass a number, or one "
            "for each entry of x"
        ) from None
    lost = abs(x) + steps - abs(x) < steps / 2
    if lost.any():
        raise InvalidInput(
            f"step is {float(steps[lost][0])!r}, which is lost beside "
            f"{first_entry('x', lost)} = {float(x[lost][0])!r}: pass a longer "
            "one, or None"
        )
    return steps
