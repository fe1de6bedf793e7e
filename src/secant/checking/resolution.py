"""The resolution of a check: whether gradient and slopes are known well enough."""

import jax
import numpy as np

from secant.checking.context import CheckContext
from secant.checking.evidence import Comparison
from secant.checking.slope_source import ERROR_BARS, SlopeQuery

RESOLUTION_LIMIT = 0.5
"""Reach of errors above which nothing is known, relative to a leaf's largest slope."""

_UNUSED_RTOL = 1e-5
"""Tolerance below which a slope of 0 is one, relative to f's value and slopes."""

# Of how many slopes of 0 it is asked whether rounding made them so.
_BLANKS_MEASURED = 16

# How many times smaller the step is that shows whether the step made a slope.
_SHRINK = 7.0


def is_coarse(check: CheckContext, leaf: int, comparison: Comparison) -> bool:
    """Whether not even a fault as large as the leaf's slopes would show.

    Where slopes are exact, rounding reaches far in 16 bits, and so does the
    tolerance; there the gradient has to be off as far, or the slope has an error
    bar as long: values were subtracted after all.

    The slope of a leaf that f does not use is 0 within roundings of f: those say
    nothing against a gradient of 0. Nor does a slope that is lost beside those of
    other leaves.
    """
    size = np.maximum(abs(comparison.gradient), abs(comparison.slope))
    if not size.size:
        return False
    worst = int(size.argmax())
    if check.source.exact:
        apart = abs(comparison.gradient - comparison.slope)
        reach = float(max(apart[worst], comparison.error[worst]))
    else:
        reach = float(comparison.tolerance[worst])
    scale = float(check.point.scales(leaf).ravel()[comparison.indices[worst]])
    unused = 0.0 if check.source.exact else check.largest_slope()
    own_bars = comparison.error / (1 if check.source.exact else ERROR_BARS)
    if not comparison.gradient.any() and (abs(comparison.slope) <= own_bars).all():
        unused = max(unused, abs(check.value))
    unused *= _UNUSED_RTOL / scale
    return reach > max(RESOLUTION_LIMIT * float(size[worst]), unused)


def is_lost(check: CheckContext, leaf: int, comparison: Comparison) -> bool:
    """Whether a gradient of 0 is right only because rounding took all digits.

    Asked of exact slopes only, where the gradient is 0 and right in every coordinate.
    In float32, gradient and slope of sin(x)/x at 1e-6 are 0. Float64 shows the slope,
    and that it is no 0 that lies a few roundings beside x, as that of (x - 0.1)² does,
    and none that the step made larger, as that of x³.
    """
    if check.source.dtype == np.float64:
        return False
    eps = check.precision.eps
    chosen = check.rng.permutation(comparison.indices)[:_BLANKS_MEASURED]
    with jax.enable_x64(True):
        try:
            found = np.array(
                [
                    check.source.one_sided(
                        SlopeQuery(leaf, chosen, check.in_float64(factor), shrink)
                    ).slope
                    for factor, shrink in (
                        (1.0, 1.0),
                        (1.0, _SHRINK),
                        (1 - 8 * eps, 1.0),
                        (1 + 8 * eps, 1.0),
                    )
                ]
            )
        except Exception:
            # A kernel of float32 alone may raise anything at all.
            return False
    steady = abs(found.sum(0)) > 3.5 * abs(found).max(0)
    return bool((steady & np.isfinite(found).all(0)).any())
