"""Rounding in a gradient and in slopes, measured in two ways.

Rounding changes erratically where x moves a little, and a fault does not
(`rounding_spread`). And it vanishes in float64, where a fault stays
(`vanishes_in_float64`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from secant.checking.context import CheckContext
from secant.checking.point import as_float64, in_kind_of

PERTURBATIONS = 12
"""At how many points near x rounding is measured."""

# Values alone do not tell what they would be in float64. They may be rounded this many
# times as much as JAX's own gradient of the same function is.
_VALUES_ROUNDING = 4

GradientAndSlope = Callable[[Sequence[Any]], tuple[Any, Any]]
"""Gradient and slope as a function of all leaves: numbers, or arrays of one shape."""


def rounding_spread(check: CheckContext, pair: GradientAndSlope) -> np.ndarray:
    """Rounding error of gradient and slope, estimated from their scatter.

    Both are computed again at x + t d for a dozen random t and one random direction
    d, all so near that the difference

        e(t) = g(x + t d) - s(x + t d)

    of a fault changes as a parabola in t does, by its Taylor series. Rounding comes
    out differently at each point. So a parabola is fitted to e by least squares, of
    which the residuals are rounding alone, and

        spread = deviations · √(Σ residual² / (points - 3))

    is how far rounding may reach. A constant instead of a parabola would count the
    smooth change of a fault such as one in sin(1000 x) as scatter, and pass it. In
    16 bits x moves by a few roundings only: there the directions are random too,
    and the mean takes the place of the parabola.

    Source:
        Vignes (1993), "A stochastic arithmetic for reliable scientific
        computation", Math. Comput. Simul. 35, 233-261.
    """
    shift, degree = check.precision.shift, check.precision.degree
    t = check.rng.uniform(-1, 1, PERTURBATIONS)
    powers = np.vander(t, degree + 1)
    line = check.random_direction()
    if degree:
        shifts = [[shift * t_i * d for d in line] for t_i in t]
    else:
        shifts = [[shift * d for d in check.random_direction()] for _ in t]
    found = np.array([pair(_shifted(check, by)) for by in shifts])
    gradients, slopes = found[:, 0], found[:, 1]
    apart = (gradients - slopes).reshape(PERTURBATIONS, -1)
    residual = apart - powers @ (np.linalg.pinv(powers) @ apart)
    variance = (residual**2).sum(0) / (PERTURBATIONS - powers.shape[1])
    spread = check.precision.deviations * np.sqrt(variance)
    return spread.reshape(slopes.shape[1:])


def vanishes_in_float64(
    check: CheckContext, pair: GradientAndSlope, apart: np.ndarray
) -> np.ndarray:
    """Differences of float32 or 16 bits that vanish in float64.

    Some roundings do not scatter: those of 1 - y, with y near 1, are the same for
    all x nearby. Float64 has 29 bits more than float32, so that a rounding is all
    but gone there and a fault is as large as before: a difference that falls to
    half or less was rounding.

    Nowhere, if the program is in float64 already, or if something in it takes the
    dtype of x only.
    """
    if not check.source.exact or check.source.dtype == np.float64:
        return np.zeros(len(apart), bool)
    with jax.enable_x64(True):
        try:
            gradient, slope = pair(check.in_float64(1.0))
        except Exception:
            # A kernel of float32 alone may raise anything at all.
            return np.zeros(len(apart), bool)
    in_float64 = gradient - slope
    vanishes = abs(in_float64) <= apart / 2
    if check.function is None:
        # The reference was computed, not the values: it shows how large roundings
        # of this function are.
        here = np.subtract(*pair(check.point.leaves))
        vanishes &= apart <= _VALUES_ROUNDING * abs(here - in_float64)
    return vanishes


def _shifted(check: CheckContext, by: Sequence[np.ndarray]) -> list[Any]:
    """All leaves, those of floats moved by so much of their size."""
    leaves = []
    for i, part in zip(check.point.real, by, strict=True):
        leaf = check.point.leaves[i]
        x = as_float64(leaf)
        leaves.append(in_kind_of(leaf, (x + part * x).astype(leaf.dtype)))
    return check.point.with_real(leaves)
