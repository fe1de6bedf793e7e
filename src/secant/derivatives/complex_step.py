"""The complex step: `f'(x) = Im f(x + ih) / h`, without subtraction.

For an analytic f, `f(x + ih) = f(x) + ih f'(x) - h²/2 f''(x) - …`: the imaginary part
holds the derivative, and no cancellation occurs. So the step may be so short that the
truncation error, h²/6 times the third derivative, is far below rounding. f has to
compute with complex numbers.
"""

from typing import Any

import numpy as np

from secant.derivatives.evaluation import Evaluation
from secant.derivatives.lines import Indices, Lines
from secant.derivatives.validation import Floats
from secant.errors import InvalidInput

COMPLEX_STEP_RATIO = 2.0**-66
"""The step, in units of the initial step of real differences."""


class ImaginaryLines(Lines):
    """Lines `x + i t d`, with an imaginary step."""

    def displaced(self, which: Indices, t: Floats) -> Any:
        """The moving entries at points on lines: x + i t d."""
        return (
            self.x[self.entries[which]] + 1j * t[:, np.newaxis] * self.directions[which]
        )

    def describe(self, line: int, t: float) -> str:
        """A point on a line in words."""
        return f"{super().describe(line, 0.0)} + {t:.0e}i"


def complex_step(f: Evaluation, lines: Lines) -> Floats:
    """The derivatives along lines from one complex evaluation of each.

    Args:
        f: The function, which evaluates to complex numbers.
        lines: The lines.

    Returns:
        The slopes, (lines, entries of f). They do not show whether f is fit for the
        method: `refuse_unlike` compares them with real differences.

    Source:
        Lyness & Moler (1967), "Numerical differentiation of analytic functions", SIAM
        Journal on Numerical Analysis 4(2), 202-210; Squire & Trapp (1998), "Using
        complex variables to estimate derivatives of real functions", SIAM Review
        40(1), 110-112.
    """
    imaginary = ImaginaryLines(**vars(lines))
    h = COMPLEX_STEP_RATIO * lines.initial_step
    values = f.at(imaginary, np.arange(len(lines), dtype=np.intp), h)
    if not np.isfinite(values).all():
        raise f.trouble or AssertionError
    return values.imag / h[:, np.newaxis]


def refuse_unlike(
    found: Floats, expected: Floats, error: Floats, change: Floats
) -> None:
    """Refuses slopes that differ from those of real differences.

    `abs`, `np.real`, `float` and comparisons drop the imaginary part, and with it
    the slope, silently.

    Where f has a minimum, its slope is 0 by both, but for errors that are small beside
    the change of f near by.

    Args:
        found: The slopes of the complex step.
        expected: Those of real differences.
        error: The errors of both.
        change: The change of f over a step, for each unit of it.

    Raises:
        InvalidInput: They differ.

    Example:
        >>> slope, one, error = np.array([0.0]), np.array([1.0]), np.array([1e-6])
        >>> refuse_unlike(slope, one, error, one)
        Traceback (most recent call last):
        secant.errors.InvalidInput: the complex step finds a slope of 0.0 where ...
    """
    size = np.maximum(abs(found), abs(expected))
    wrong = abs(found - expected) > 4 * error + 1e-4 * size + 1e-6 * change
    if wrong.any():
        raise InvalidInput(
            f"the complex step finds a slope of {float(found[wrong][0])!r} where real "
            f"differences find {float(expected[wrong][0])!r}: f drops the imaginary "
            "part, as abs, np.real, float and comparisons do, or is not smooth here; "
            'write np.sqrt(x * x) for abs(x), or use method="central"'
        )
