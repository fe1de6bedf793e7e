"""The complex step: `f'(x) = Im f(x + ih) / h`, in which nothing is subtracted.

For an analytic f that can reckon with complex numbers the step may be so short that
the formula's own error, h²/6 times the third derivative, is far below rounding.
"""

from typing import Any

import numpy as np

from secant.derivatives.evaluation import Evaluation
from secant.derivatives.lines import Lines, Numbers
from secant.derivatives.validation import Floats
from secant.errors import InvalidInput

STEP = 2.0**-66
"""Of the nudge, in units of the first step that real differences would take."""


class Sideways(Lines):
    """Lines along which one goes at a right angle to the real numbers."""

    def moved(self, which: Numbers, t: Floats) -> Any:
        """The entries that move: x + i t d."""
        return (
            self.x[self.entries[which]] + 1j * t[:, np.newaxis] * self.directions[which]
        )

    def where(self, line: int, t: float) -> str:
        """A place in words."""
        return f"{super().where(line, 0.0)} + {t:.0e}i"


def sideways(f: Evaluation, lines: Lines) -> Floats:
    """The derivatives along lines from one complex evaluation of each.

    Args:
        f: The function, which evaluates to complex numbers.
        lines: The lines.

    Returns:
        The slopes, (lines, entries of f). Whether f is fit for this is not known from
        them: `refuse_unlike` looks.

    Source:
        Lyness & Moler (1967), "Numerical differentiation of analytic functions", SIAM
        Journal on Numerical Analysis 4(2), 202-210; Squire & Trapp (1998), "Using
        complex variables to estimate derivatives of real functions", SIAM Review
        40(1), 110-112.
    """
    off = Sideways(**vars(lines))
    h = STEP * lines.first
    values = f.at(off, np.arange(len(lines), dtype=np.intp), h)
    if not np.isfinite(values).all():
        raise f.trouble or AssertionError
    return values.imag / h[:, np.newaxis]


def refuse_unlike(found: Floats, seen: Floats, error: Floats) -> None:
    """Refuses slopes that are not those which real differences see.

    `abs`, `np.real`, `float` and comparisons drop the imaginary part, and with it the
    slope, without a word.

    Raises:
        InvalidInput: They differ.

    Example:
        >>> refuse_unlike(np.array([0.0]), np.array([1.0]), np.array([1e-6]))
        Traceback (most recent call last):
        secant.errors.InvalidInput: the complex step finds a slope of 0.0 where ...
    """
    wrong = abs(found - seen) > 4 * error + 1e-4 * np.maximum(abs(found), abs(seen))
    if wrong.any():
        raise InvalidInput(
            f"the complex step finds a slope of {float(found[wrong][0])!r} where real "
            f"differences see {float(seen[wrong][0])!r}: f drops the imaginary part, "
            "as abs, np.real, float and comparisons do, or is not smooth here; write "
            'np.sqrt(x * x) for abs(x), or use method="central"'
        )
