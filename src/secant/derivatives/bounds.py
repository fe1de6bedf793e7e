"""The bounds of a point: what a caller may write for them."""

from typing import Any

import numpy as np

from secant.arrays import as_real, first_entry
from secant.derivatives.validation import Floats
from secant.errors import InvalidInput, short_repr

OUTSIDE_ULPS = 4
"""Roundings by which a point may lie outside of its bounds and counts as on them."""


def as_bounds(bounds: Any, x: Floats) -> tuple[Floats, Floats]:
    """The lower and the upper bound of each entry of `x`.

    Args:
        bounds: (lower, upper), each a number or one for each entry of `x`;
            `scipy.optimize.Bounds`; or a (lowest, highest) pair for each entry, where
            None stands for no bound, as `scipy.optimize.minimize` takes them; or None.
        x: The point. A rounding outside of its bounds it counts as on them.

    Raises:
        InvalidInput: They are none of these, or `x` is outside. Two pairs for two
            entries may be read both ways: where both contain `x`, they are refused. A
            tuple of two lists or arrays always is (lower, upper).

    Example:
        >>> as_bounds([(0, 1), (0, None), (2, 3)], np.array([0.5, 7.0, 2.0]))
        (array([0., 0., 2.]), array([ 1., inf,  3.]))
    """
    if bounds is None:
        return np.full(x.shape, -np.inf), np.full(x.shape, np.inf)
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        bounds = (np.asarray(bounds.lb), np.asarray(bounds.ub))
    words = short_repr(bounds)
    parts: Any = bounds
    is_tuple = isinstance(bounds, tuple)
    readings = [_as_lower_and_upper(bounds, x)]
    if not (is_tuple and all(isinstance(part, list | np.ndarray) for part in parts)):
        readings.append(_as_pairs(bounds, x))
    found = [reading for reading in readings if reading is not None]
    if not found:
        raise InvalidInput(
            f"bounds are {words}: pass (lower, upper), each a number or "
            "one for each entry of x, as in bounds=(0, np.inf), or a pair (lowest, "
            "highest) for each entry"
        )
    containing = [reading for reading in found if not _outside(*reading, x).any()]
    if len(containing) > 1 and not np.array_equal(containing[0], containing[1]):
        raise InvalidInput(
            f"bounds are {words}, which may be (lower, upper) or a pair "
            "for each entry of x: pass a tuple of two lists, ([lowest, …], "
            "[highest, …])"
        )
    lower, upper = (containing or found)[0]
    outside = _outside(lower, upper, x)
    if outside.any():
        raise InvalidInput(
            f"{first_entry('x', outside)} is {float(x[outside][0])!r}, outside of its "
            f"bounds from {float(lower[outside][0])!r} to "
            f"{float(upper[outside][0])!r}: pass a point within them"
        )
    return lower, upper


def _outside(lower: Floats, upper: Floats, x: Floats) -> Any:
    slack = OUTSIDE_ULPS * np.spacing(abs(x))
    return ~((lower - slack <= x) & (x <= upper + slack) & (lower <= upper))


def _as_lower_and_upper(bounds: Any, x: Floats) -> tuple[Floats, Floats] | None:
    try:
        lower, upper = (
            np.broadcast_to(np.array(as_real(b, "bounds"), float), x.shape)
            for b in bounds
        )
    except (TypeError, ValueError, InvalidInput):
        return None
    return None if np.isnan([lower, upper]).any() else (lower, upper)


def _as_pairs(bounds: Any, x: Floats) -> tuple[Floats, Floats] | None:
    """Pairs for each entry, None for no bound."""
    try:
        pairs = [tuple(pair) for pair in bounds]
        lower = np.array([-np.inf if low is None else low for low, _ in pairs], float)
        upper = np.array([np.inf if high is None else high for _, high in pairs], float)
    except (TypeError, ValueError):
        return None
    if x.ndim > 1 or len(pairs) != x.size or np.isnan([lower, upper]).any():
        return None
    return lower.reshape(x.shape), upper.reshape(x.shape)
