"""The Jacobian of a black box, by extrapolation: `secant.derivatives.ridders`.

JAX accepts an array, but no report and no warning. This module therefore decides what
`secant.jacobian` would report or refuse: each entry has its own tolerance, a line that
does not converge is retried with shorter steps, and entries whose y is not finite are
NaN.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from secant.black_box.signature import ComplexValueError
from secant.derivatives.difference_quotients import Formula
from secant.derivatives.evaluation import Evaluation
from secant.derivatives.lines import MAX_STEP_RATIO, Indices, Lines, axes
from secant.derivatives.ridders import solve
from secant.derivatives.tolerance import Accuracy, LineDerivatives, Outcome
from secant.derivatives.validation import Floats
from secant.errors import InvalidInput
from secant.parallel.map import Caller
from secant.parallel.task import Raised

MAX_BLOCK_SIZE = 2**20
"""The most numbers that the perturbed points of a block, or its values, may hold."""

STEP_REDUCTIONS = (2.0**-10, 2.0**-20)
"""Factors of the first step for retries, if no limit exists and no step was given."""

MIN_STEP_ULPS = 2.0**12
"""The shortest first step in units in the last place of x; a shorter one is inexact."""


def numerical_jacobian(
    call: Caller,
    x: Floats,
    step: float | None = None,
    tolerance: float | None = None,
    entrywise: bool = True,
) -> Floats:
    """∂yᵢ/∂xⱼ by central differences at several steps, extrapolated.

    Args:
        call: Maps a list of points, (n,), to a list of values y, (m,).
        x: The point, (n,).
        step: The first step, times max(1, |x|). The default is a quarter of
            log(1 + |x|), a quarter at x = 0, and much less if that is too long.
        tolerance: The relative error to reach; the default is the smallest error at
            a low cost.
        entrywise: Whether the tolerance is relative to each entry, not to the largest
            of its column.

    Returns:
        (m, n); NaN where y is not finite at x or at the points next to it.

    Raises:
        Exception: The error of y at x or at the points next to it.

    Example:
        >>> squares = lambda xs: [x**2 for x in xs]
        >>> numerical_jacobian(squares, np.array([1e-8, 1e8])).round(15)
        array([[2.e-08, 0.e+00],
               [0.e+00, 2.e+08]])
    """
    (centre,) = call([x.copy()])
    if isinstance(centre, Raised):
        raise centre.error
    problem = _JacobianProblem(
        call,
        axes(x, None if step is None else step * np.maximum(1.0, abs(x))),
        centre,
        tolerance,
        entrywise,
        STEP_REDUCTIONS if step is None else (),
    )
    slopes: Floats = np.full((centre.size, x.size), np.nan)
    rows = np.flatnonzero(np.isfinite(centre))
    size = max(1, MAX_BLOCK_SIZE // max(x.size, 48 * centre.size))
    for first in range(0, x.size if rows.size else 0, size):
        problem.fill(slopes, rows, np.arange(first, min(first + size, x.size)))
    return slopes


@dataclass(frozen=True)
class _JacobianProblem:
    call: Caller
    lines: Lines
    centre: Floats
    tolerance: float | None
    entrywise: bool
    step_reductions: tuple[float, ...]

    def fill(self, slopes: Floats, rows: Indices, columns: Indices) -> None:
        """Fill a block of the Jacobian.

        A block that fails is split in halves, so that only the entries that do not
        exist stay NaN.
        """

        def selected(y: Any) -> Any:
            if not isinstance(y, Raised):
                return y[rows]
            # A complex value is outside of f's domain: a shorter step may stay inside.
            outside = isinstance(y.error, ComplexValueError)
            return np.full(rows.shape, np.nan) if outside else y

        f = Evaluation(lambda points: [selected(y) for y in self.call(points)])
        f.shape = rows.shape
        try:
            slopes[np.ix_(rows, columns)] = self._solve(f, rows, columns)
        except InvalidInput as error:
            if error is not f.trouble:
                raise
            if len(columns) > 1:
                for half in np.array_split(columns, 2):
                    self.fill(slopes, rows, half)
            elif len(rows) > 1:
                for half in np.array_split(rows, 2):
                    self.fill(slopes, half, columns)

    def _solve(self, f: Evaluation, rows: Indices, columns: Indices) -> Floats:
        """The block's slopes; lines without a limit are retried with shorter steps."""
        accuracy = Accuracy(
            self.tolerance,
            np.zeros(rows.shape),
            may_measure_noise=True,
            may_find_grid=True,
            may_find_plateaus=True,
            per_line=True,
            per_entry=self.entrywise,
        )

        def solved(lines: Lines) -> LineDerivatives:
            centre = np.broadcast_to(self.centre[rows], (len(lines), len(rows)))
            return solve(
                f,
                lines,
                Formula(1, 0),
                centre,
                accuracy,
                room=lines.max_step,
                limit=lines.max_step,
            )

        lines = self.lines[columns]
        best = solved(lines)
        for factor in self.step_reductions:
            failed = np.flatnonzero((best.outcome == Outcome.DIVERGED).any(axis=1))
            if not failed.size:
                break
            min_step = MIN_STEP_ULPS * np.spacing(abs(lines.x[columns[failed]]))
            initial = np.maximum(factor * lines.initial_step[failed], min_step)
            shorter = replace(
                lines[failed], initial_step=initial, max_step=MAX_STEP_RATIO * initial
            )
            retry = solved(shorter)
            better = retry.error < best.error[failed]
            for array, new in (
                (best.value, retry.value),
                (best.error, retry.error),
                (best.outcome, retry.outcome),
            ):
                array[failed] = np.where(better, new, array[failed])
        return best.value.T
