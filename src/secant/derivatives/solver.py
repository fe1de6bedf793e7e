"""One request for a derivative: its arguments, checked, and how it is met."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from secant.arrays import as_real, first_entry
from secant.derivatives.complex_step import STEP as COMPLEX_STEP
from secant.derivatives.complex_step import refuse_unlike, sideways
from secant.derivatives.difference_quotients import Formula
from secant.derivatives.evaluation import Evaluation
from secant.derivatives.lines import EPSILON, Lines, Numbers
from secant.derivatives.noise import POINTS
from secant.derivatives.result import Derivative
from secant.derivatives.ridders import (
    CHEAP,
    LOOKS,
    Accuracy,
    Outcome,
    Slopes,
    climb,
    noise_along,
)
from secant.derivatives.rounding_error import looked_at
from secant.derivatives.validation import (
    Floats,
    as_function,
    as_point,
    entry_name,
    refuse_overflow,
)
from secant.errors import InvalidInput, short
from secant.parallel.map import calling
from secant.validation import Choice, Or, RealNumber, Share, WholeNumber, validate

SIDES = {"central": 0, "forward": 1, "backward": -1}
METHODS = (*SIDES, "complex", "difference")

TOLERANCE = Or(Share(closed="left", meaning="a relative error", example="1e-6"), None)
NOISE = Or(
    RealNumber(low=0, meaning="the standard deviation of f's values", example="1e-6"),
    "measure",
    None,
)
MAX_EVALUATIONS = Or(WholeNumber(low=1, example=1000), None)

BLOCK = 1 << 20
"""Numbers that the points of one batch, or what is seen at them, may hold."""

LITTLE = 0.02
"""Of the fewest evaluations: what f's noise may cost where nobody asked for it."""

NEAR = 0.25
"""Of the first step: with less room than that to one side, one looks to the other."""


class Request:
    """A derivative that is asked for.

    Args are those of `secant.derivatives.derivatives.derivative`.
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
        self.method = validate("method", method, Choice(METHODS))
        if method == "complex" and order > 1:
            raise InvalidInput(
                'method="complex" gives first derivatives: pass method="central", or '
                '"difference" for a function made of JAX operations'
            )
        self.step = None if step is None else _positive(step, self.x)
        self.tolerance = validate("tolerance", tolerance, TOLERANCE)
        self.noise = validate("noise", noise, NOISE)
        self.lower, self.upper = _bounds(bounds, self.x)
        most = validate("max_evaluations", max_evaluations, MAX_EVALUATIONS)
        self.budget = np.inf if most is None else float(most)
        self.vectorized = vectorized
        self.workers = workers
        self._centre: Floats | None = None
        self._carried = 0
        # What is known of f's noise, for each of its entries or all.
        self._sigma: Floats = np.array(
            [self.noise if isinstance(self.noise, float) else 0.0]
        )
        if method == "difference" and (vectorized or workers is not None):
            raise InvalidInput(
                'method="difference" compiles f with JAX and evaluates it as it likes: '
                "leave out vectorized and workers"
            )

    @contextmanager
    def begin(self, *, scalar: bool) -> Generator[None, None, None]:
        """Within it, f can be called."""
        with calling(self.f, self.workers) as call:
            self._evaluate = Evaluation(call, scalar=scalar, vectorized=self.vectorized)
            self._sideways = Evaluation(
                call, scalar=scalar, vectorized=self.vectorized, dtype=complex
            )
            yield

    @property
    def f_shape(self) -> tuple[int, ...]:
        """The shape of f's values, known once f was called."""
        return self._evaluate.shape or ()

    @property
    def evaluations(self) -> int:
        """How many there were."""
        return self._evaluate.used + self._sideways.used + self._carried

    def slopes(self, lines: Lines, *, alone: bool = False, later: int = 0) -> Slopes:
        """The derivatives along lines.

        Args:
            lines: The lines.
            alone: Whether each is a derivative of its own, to be right by itself.
            later: How many more lines will come, for which some budget is kept.
        """
        if lines.shape is None and not len(lines):
            self._evaluate.shape = ()
            return Slopes(*np.zeros((4, 0, 1)))
        if self.method == "difference":
            return self._by_propagation(lines)
        centre = self._at_centre(lines)
        if not centre.size:
            return Slopes(*np.zeros((4, len(lines), centre.shape[1])))
        if self.method == "complex":
            self._afford((8 if alone else 1) * len(lines) + 13)
            return self._by_complex_step(lines, centre, alone)
        return self._by_ladder(lines, centre, alone, later)

    def result(self, found: Slopes, shaped: Callable[[Floats], Floats]) -> Derivative:
        """What is handed to the user."""
        value, error, step, outcome = (
            shaped(a) for a in (found.value, found.error, found.step, found.outcome)
        )
        with np.errstate(invalid="ignore"):
            refuse_overflow(np.asarray(value), "x")
        success, status = self._status(value, error, outcome)
        return Derivative(
            value[()], error[()], step[()], self.evaluations, success, status
        )

    def _status(
        self, value: Floats, error: Floats, outcome: Floats
    ) -> tuple[bool, str]:
        if not value.size:
            return True, "converged: there is nothing to differentiate by"
        largest = float(error.max())
        worst = Outcome(int(outcome.max()))
        if self.method in ("complex", "difference") and worst is Outcome.ROUNDING:
            asked = self.tolerance if self.tolerance is not None else CHEAP
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
        fine = self.tolerance is None
        if worst is Outcome.ROUNDING:
            return fine, f"limited by rounding: {estimate}"
        if worst is Outcome.NOISE:
            sigma = f"{float(self._sigma.max()):.0e}"
            return fine, f"limited by the function's noise of {sigma}: {estimate}"
        if worst is Outcome.BUDGET:
            return False, f"stopped by max_evaluations={int(self.budget)}: {estimate}"
        if worst is Outcome.SIDES:
            return False, (
                f"the slopes on both sides differ at {first}, as at a kink: {estimate}"
            )
        return False, (
            f"did not converge at {first}: f has a kink, a jump or noise near the "
            f"point, or bends within a shorter step; {estimate}"
        )

    def _at_centre(self, lines: Lines) -> Floats:
        """The value of f at the point of each line, (lines, entries)."""
        f = self._evaluate
        if lines.shape is None:
            self._afford(len(lines))
            count = len(lines)
            centre = f.at(lines, np.arange(count, dtype=np.intp), np.zeros(count))
        elif self._centre is None:
            self._afford(1)
            centre = f.of([self.x.copy()], lambda _: "at x")
        else:
            centre = self._centre
        if not np.isfinite(centre).all():
            raise f.trouble or AssertionError
        self._centre = centre
        return np.broadcast_to(centre, (len(lines), centre.shape[1]))

    def _by_propagation(self, lines: Lines) -> Slopes:
        # JAX is loaded by those who use it.
        from secant.derivatives.propagated import carried

        each = lines.shape is None or self.order > 1
        found, centre, used = carried(self.f, lines, self.order, each=each)
        shape = np.shape(centre)
        if self._evaluate.shape == () and shape != ():
            raise InvalidInput(
                f"f returned an array of shape {shape} at x, and a slope needs one "
                "real number: `return jnp.sum(y)`"
            )
        self._evaluate.shape = shape[1:] if lines.shape is None else shape
        self._carried += used
        return found

    def _by_complex_step(self, lines: Lines, centre: Floats, alone: bool) -> Slopes:
        f = self._sideways
        f.shape = self._evaluate.shape

        def slope(lines: Lines) -> Floats:
            parts = [sideways(f, part) for part in self._parts(lines, centre)]
            return np.concatenate(parts) if parts else np.zeros((0, centre.shape[1]))

        looked = looked_at(
            slope,
            lines,
            each=alone,
            inward=self.inward(lines),
            bounds=(self.lower.ravel(), self.upper.ravel()),
        )
        if len(lines):
            probes = looked.probes if looked.weights is None else looked.probes[:1]
            seen = self._seen(probes, centre[: len(probes)])
            refuse_unlike(looked.along_probes[: len(probes)], seen.value, seen.error)
        step = np.repeat(COMPLEX_STEP * lines.first[:, np.newaxis], centre.shape[1], 1)
        return Slopes(
            looked.slopes,
            looked.error,
            step,
            np.full(step.shape, float(Outcome.ROUNDING)),
        )

    def _seen(self, lines: Lines, centre: Floats) -> Slopes:
        """What real differences see, at small cost."""
        accuracy = Accuracy(1e-5, 0 * centre[0], listen=False, alone=True)
        return self._climbed(lines, centre, accuracy, 0)

    def _by_ladder(
        self, lines: Lines, centre: Floats, alone: bool, later: int
    ) -> Slopes:
        p = centre.shape[1]
        sigma: Floats = np.zeros(p) + self._sigma
        accuracy = Accuracy(
            self.tolerance, sigma, listen=self.noise is None, alone=alone
        )
        cheap = self._listens_cheaply(lines) and not alone
        if (self.noise == "measure" or cheap) and not sigma.any() and len(lines):
            side = int(self._sides(lines)[0][0])
            self._afford(LOOKS * POINTS)
            accuracy.sigma = noise_along(
                self._evaluate, lines, 0, float(lines.first[0]), side
            )
        slopes = self._climbed(lines, centre, accuracy, later)
        self._sigma = accuracy.sigma
        return slopes

    def _listens_cheaply(self, lines: Lines) -> bool:
        """Whether to measure f's noise costs little beside the derivative itself."""
        formula = Formula(self.order, SIDES.get(self.method, 0))
        fewest = len(lines) * formula.fewest * formula.evaluations
        listening = LOOKS * POINTS
        left = self.budget - self.evaluations - listening
        return self.noise is None and listening <= LITTLE * fewest and fewest <= left

    def _climbed(
        self, lines: Lines, centre: Floats, accuracy: Accuracy, later: int
    ) -> Slopes:
        sides, room = self._sides(lines)
        formulas = {side: Formula(self.order, side) for side in (0, 1, -1)}
        needs = {
            side: formula.fewest * formula.evaluations
            for side, formula in formulas.items()
        }
        reserved = sum(int((sides == side).sum()) * n for side, n in needs.items())
        later_on = later * needs[SIDES.get(self.method, 0)]
        self._afford(reserved + later_on)
        slopes = Slopes(*(np.zeros((len(lines), centre.shape[1])) for _ in range(4)))
        for side, formula in formulas.items():
            chosen = np.flatnonzero(sides == side)
            for which in self._blocks(chosen, centre.shape[1]):
                reserved -= len(which) * needs[side]
                part = climb(
                    self._evaluate,
                    lines[which],
                    formula,
                    centre[which],
                    accuracy,
                    room=room[which],
                    budget=self.budget - self.evaluations - reserved - later_on,
                )
                slopes.value[which], slopes.error[which] = part.value, part.error
                slopes.step[which], slopes.outcome[which] = part.step, part.outcome
        return slopes

    def inward(self, lines: Lines) -> Numbers:
        """To which end of each line there is more room: 1 ahead, -1 back, or 0."""
        back, ahead = lines.room(self.lower.ravel(), self.upper.ravel())
        return np.where(ahead == back, 0, np.where(ahead > back, 1, -1))

    def _sides(self, lines: Lines) -> tuple[Numbers, Floats]:
        """To which side of the point each line looks, and how far it may go."""
        back, ahead = lines.room(self.lower.ravel(), self.upper.ravel())
        side = np.full(len(lines), SIDES.get(self.method, 0), np.intp)
        narrow = np.minimum(back, ahead) < NEAR * np.minimum(
            lines.first, np.maximum(back, ahead)
        )
        if self.method not in ("forward", "backward"):
            side[narrow] = np.where(ahead >= back, 1, -1)[narrow]
        room = np.select([side > 0, side < 0], [ahead, back], np.minimum(back, ahead))
        small = EPSILON**0.5 * lines.first
        if (room <= small).any():
            line = int(np.argmax(room <= small))
            entry = entry_name(int(lines.entries[line, 0]), self.x.shape)
            raise InvalidInput(
                f"bounds leave no room for a step at {entry}, where x is "
                f"{float(lines.x[lines.entries[line, 0]])!r}: widen them, leave the "
                'coordinate out, or pass method="central", which looks to the side '
                "where there is room"
            )
        return side, np.minimum(room, lines.reach)

    def _blocks(self, which: Numbers, entries: int) -> Iterator[Numbers]:
        """Lines in portions whose points and values fit in little memory."""
        size = max(1, BLOCK // max(self.x.size, 48 * entries))
        for start in range(0, len(which), size):
            yield which[start : start + size]

    def _parts(self, lines: Lines, centre: Floats) -> Iterator[Lines]:
        for which in self._blocks(np.arange(len(lines)), centre.shape[1]):
            yield lines[which]

    def _afford(self, evaluations: int) -> None:
        needed = self.evaluations + evaluations
        if needed > self.budget:
            raise InvalidInput(
                f"max_evaluations is {int(self.budget)}, and a derivative with an "
                f"error takes at least {needed} here: pass that many, or "
                'method="forward", which takes about half as many'
            )


def _positive(step: Any, x: Floats) -> Floats:
    shape = x.shape
    array = np.array(as_real(step, "step"), float)
    if not (array > 0).all() or not np.isfinite(array).all():
        raise InvalidInput(
            f"step is {short(step)}: pass a positive number such as step=0.1, or one "
            "for each entry of x"
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
            f"{first_entry('x', lost)} = {float(x[lost][0])!r}: pass a "
            "longer one, or None"
        )
    return steps


def _bounds(bounds: Any, x: Floats) -> tuple[Floats, Floats]:
    if bounds is None:
        return np.full(x.shape, -np.inf), np.full(x.shape, np.inf)
    try:
        pair = tuple(bounds)
        lower, upper = (
            np.broadcast_to(np.array(as_real(b, "bounds"), float), x.shape)
            for b in pair
        )
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"bounds are {short(bounds)} ({error}): pass (lower, upper), each a number "
            "or one for each entry of x, as in bounds=(0, np.inf)"
        ) from None
    outside = ~((lower <= x) & (x <= upper))
    if outside.any():
        raise InvalidInput(
            f"{first_entry('x', outside)} is {float(x[outside][0])!r}, outside of its "
            f"bounds from {float(lower[outside][0])!r} to "
            f"{float(upper[outside][0])!r}: pass a point within them"
        )
    return lower, upper
