"""The Jacobian of a black box, by extrapolation: `secant.derivatives.ridders`.

JAX takes an array and no sentence about it. So what `secant.jacobian` would say, or
refuse, is settled here: each entry is to be right by itself, a line that finds no limit
is tried again closer to the point, and where y is not finite there is NaN.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from secant.black_box.signature import NotReal
from secant.derivatives.difference_quotients import Formula
from secant.derivatives.evaluation import Evaluation
from secant.derivatives.lines import MAX_STEP_RATIO, Indices, Lines, axes
from secant.derivatives.ridders import Accuracy, LineDerivatives, Outcome, solve
from secant.derivatives.validation import Floats
from secant.errors import InvalidInput
from secant.parallel.map import Caller
from secant.parallel.task import Raised

BLOCK = 2**20
"""Numbers that the nudged copies of a point, or what is seen there, may hold."""

CLOSER = (2.0**-10, 2.0**-20)
"""Of the first step, where there is no limit and nobody chose it: those to try next."""

SHORTEST = 2.0**12
"""Floats that a first step passes at least, or a nudge has few digits of its own."""


def nudged(
    call: Caller,
    x: Floats,
    step: float | None = None,
    tolerance: float | None = None,
    apart: bool = True,
) -> Floats:
    """∂yᵢ/∂xⱼ by central differences at several steps, extrapolated.

    Args:
        call: Gives the values y, (m,), at a list of points, (n,).
        x: Where, (n,).
        step: The step to begin with, times max(1, |x|); None for a quarter of
            log(1 + |x|), and of 1 for x = 0, or much shorter where that is too long.
        tolerance: The relative error to reach; None for as good as can be had cheaply.
        apart: Whether each entry is to be right by itself, not only beside the largest
            of its column.

    Returns:
        (m, n); NaN where y is not finite, at x or beside it however near.

    Raises:
        What y raised, at x or beside it however near.

    Example:
        >>> nudged(lambda xs: [x**2 for x in xs], np.array([1e-8, 1e8])).round(15)
        array([[2.e-08, 0.e+00],
               [0.e+00, 2.e+08]])
    """
    (centre,) = call([x.copy()])
    if isinstance(centre, Raised):
        raise centre.error
    job = _Job(
        call,
        axes(x, None if step is None else step * np.maximum(1.0, abs(x))),
        centre,
        tolerance,
        apart,
        CLOSER if step is None else (),
    )
    slopes: Floats = np.full((centre.size, x.size), np.nan)
    rows = np.flatnonzero(np.isfinite(centre))
    size = max(1, BLOCK // max(x.size, 48 * centre.size))
    for first in range(0, x.size if rows.size else 0, size):
        job.fill(slopes, rows, np.arange(first, min(first + size, x.size)))
    return slopes


@dataclass(frozen=True)
class _Job:
    call: Caller
    lines: Lines
    centre: Floats
    tolerance: float | None
    apart: bool
    closer: tuple[float, ...]

    def fill(self, slopes: Floats, rows: Indices, columns: Indices) -> None:
        """A part of the Jacobian, in halves where some of it does not exist."""

        def those(y: Any) -> Any:
            if not isinstance(y, Raised):
                return y[rows]
            # Beyond the end of f's domain, where a shorter step may stay within it.
            return np.full(rows.shape, np.nan) if isinstance(y.error, NotReal) else y

        f = Evaluation(lambda points: [those(y) for y in self.call(points)])
        f.shape = rows.shape
        try:
            slopes[np.ix_(rows, columns)] = self._settled(f, rows, columns)
        except InvalidInput as error:
            if error is not f.trouble:
                raise
            if len(columns) > 1:
                for half in np.array_split(columns, 2):
                    self.fill(slopes, rows, half)
            elif len(rows) > 1:
                for half in np.array_split(rows, 2):
                    self.fill(slopes, half, columns)

    def _settled(self, f: Evaluation, rows: Indices, columns: Indices) -> Floats:
        accuracy = Accuracy(
            self.tolerance,
            np.zeros(rows.shape),
            may_measure_noise=True,
            per_line=True,
            per_entry=self.apart,
        )

        def solved(lines: Lines) -> LineDerivatives:
            centre = np.broadcast_to(self.centre[rows], (len(lines), len(rows)))
            return solve(f, lines, Formula(1, 0), centre, accuracy, room=lines.max_step)

        lines = self.lines[columns]
        best = solved(lines)
        for much in self.closer:
            lost = np.flatnonzero((best.outcome == Outcome.DIVERGED).any(axis=1))
            if not lost.size:
                break
            least = SHORTEST * np.spacing(abs(lines.x[columns[lost]]))
            initial = np.maximum(much * lines.initial_step[lost], least)
            shorter = replace(
                lines[lost], initial_step=initial, max_step=MAX_STEP_RATIO * initial
            )
            again = solved(shorter)
            better = again.error < best.error[lost]
            for kept, new in (
                (best.value, again.value),
                (best.error, again.error),
                (best.outcome, again.outcome),
            ):
                kept[lost] = np.where(better, new, kept[lost])
        return best.value.T
