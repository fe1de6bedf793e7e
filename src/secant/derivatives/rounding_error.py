"""Rounding errors of slopes that are computed without subtraction.

The complex step and difference propagation have no truncation error to speak of: what
is left is rounding within f. There is no step to vary, and the same point gives the
same slope. But nearby points round differently, and so does another step h: of

    (B (x + ih) + f(x + ih)) - B (x + ih)

with a large B the imaginary part is rounded alike at all points nearby. So each point
has a step of its own. At equal distances δ,

    s(x) - 2 s(x + δ) + s(x + 2δ) = δ² s''(x) + rounding,

and δ is so small (2⁻²⁸ of x's scale) that δ² s'' is far below a rounding of s: what is
left of the slopes is their scatter by rounding. With three nearby points there are two
such second differences, and the larger one counts.

A slope along every line costs an evaluation each. So for many lines the scatter is
probed along four random directions only. A probe's slope is `Σ wᵢ sᵢ`; if its scatter
comes from a single line i, that line's slope scatters by `scatter / |wᵢ|`. That bounds
each line's error. The first two directions weigh each coordinate by its own scale, the
others weigh all alike; both bounds hold, and the smaller one is taken.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from secant.derivatives.lines import EPSILON, Indices, Lines, perturbed, random_probes
from secant.derivatives.validation import Floats

ROUNDING_ALLOWANCE = 8
"""Roundings that an error allows for beyond the visible ones."""

SCATTER_FACTOR = 3
"""Factor on the scatter, which is the larger of two random numbers and may be small."""

NEARBY_POINTS = 3
"""Points beside x at which the slopes are computed again."""

SlopesAlong = Callable[[Lines], Floats]
"""Computes the derivatives along lines, (lines, entries of f)."""


@dataclass(frozen=True)
class ProbedSlopes:
    """Slopes with their errors, and the probes that gave the errors.

    Attributes:
        slopes: The derivatives, (lines, entries of f).
        error: Estimates of their rounding errors.
        probes: The lines that were probed.
        along_probes: The derivatives along them.
        probe_error: Estimates of the rounding errors of these.
        weights: The weights of the lines in each probe; None where the probes are the
            lines themselves.
    """

    slopes: Floats
    error: Floats
    probes: Lines
    along_probes: Floats
    probe_error: Floats
    weights: Floats | None


def with_rounding_error(
    slopes_along: SlopesAlong,
    lines: Lines,
    *,
    each: bool,
    inward: Indices | None = None,
    epsilon: float = EPSILON,
    bounds: tuple[Floats, Floats] = (np.array(-np.inf), np.array(np.inf)),
) -> ProbedSlopes:
    """Slopes, and their rounding errors from nearby points.

    Args:
        slopes_along: Computes the slopes.
        lines: The lines.
        each: Whether every line is probed by itself; if not, four random directions
            stand for many lines.
        inward: The side of each line with more room, see `random_probes`.
        epsilon: The relative rounding error of f's arithmetic.
        bounds: Within which the points have to be.
    """
    slopes = slopes_along(lines)
    if each or len(lines) <= NEARBY_POINTS:
        probes, weights, here = lines, None, slopes
    else:
        probes, weights = random_probes(lines, inward)
        here = weights @ slopes
    nearby = [
        slopes_along(perturbed(probes, times, epsilon, *bounds))
        for times in range(1, NEARBY_POINTS + 1)
    ]
    at_points: Floats = np.stack([here, *nearby])
    second = abs(np.diff(at_points, n=2, axis=0)).max(axis=0)
    scatter: Floats = SCATTER_FACTOR * second
    probe_error: Floats = scatter + ROUNDING_ALLOWANCE * epsilon * abs(here)
    if weights is None:
        return ProbedSlopes(slopes, probe_error, probes, here, probe_error, weights)
    error_bounds: list[Floats] = []
    for pair in (slice(0, 2), slice(2, 4)):
        size = abs(weights[pair]).max(axis=0)[:, np.newaxis]
        error_bounds.append(scatter[pair].max(axis=0) / size)
    error = np.minimum(*error_bounds) + ROUNDING_ALLOWANCE * epsilon * abs(slopes)
    return ProbedSlopes(slopes, error, probes, here, probe_error, weights)
