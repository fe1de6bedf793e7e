"""The error of slopes in which nothing was subtracted: what rounding does within f.

There is no step to vary, and nothing that scatters by itself. But at places close by f
rounds otherwise, and at equal distances `s(x) - 2 s(x + δ) + s(x + 2δ)` leaves of a
slope s only that: what f bends is of the order δ², less than a rounding.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from secant.derivatives.lines import EPSILON, Lines, Numbers, mixtures, shaken
from secant.derivatives.validation import Floats

CARE = 8
"""Roundings that an error allows for beyond those that are seen."""

FEW = 3
"""Places beside the point that are looked at."""

Slope = Callable[[Lines], Floats]
"""The derivatives along lines, (lines, entries of f)."""


@dataclass(frozen=True)
class Looked:
    """Slopes with their errors, and what they say along the lines that were probed."""

    slopes: Floats
    error: Floats
    probes: Lines
    along_probes: Floats
    weights: Floats | None
    """How the probes are made of the lines; None where they are the lines."""


def looked_at(
    slope: Slope,
    lines: Lines,
    *,
    each: bool,
    inward: Numbers | None = None,
    epsilon: float = EPSILON,
    bounds: tuple[Floats, Floats] = (np.array(-np.inf), np.array(np.inf)),
) -> Looked:
    """Slopes, and their errors from places close by.

    Args:
        slope: Computes them.
        lines: Along what.
        each: Whether every line is looked at by itself; if not, a few directions
            stand for all.
        inward: To which end of each line there is more room, see `mixtures`.
        epsilon: One rounding of f's arithmetic, relative.
        bounds: Within which the places have to be.
    """
    slopes = slope(lines)
    if each or len(lines) <= FEW:
        probes, weights, here = lines, None, slopes
    else:
        probes, weights = mixtures(lines, inward)
        here = weights @ slopes
    beside = [
        slope(shaken(probes, times, epsilon, *bounds)) for times in range(1, FEW + 1)
    ]
    places: Floats = np.stack([here, *beside])
    scatter: Floats = abs(np.diff(places, n=2, axis=0)).max(axis=0)
    if weights is None:
        error = scatter + CARE * epsilon * abs(slopes)
    else:
        # What scatters in a mixture may be due to any one of its lines. Of two ways to
        # mix them, each bounds every line's share.
        bounds_of_each: list[Floats] = []
        for pair in (slice(0, 2), slice(2, 4)):
            size = abs(weights[pair]).max(axis=0)[:, np.newaxis]
            bounds_of_each.append(scatter[pair].max(axis=0) / size)
        error = np.minimum(*bounds_of_each) + CARE * epsilon * abs(slopes)
    return Looked(slopes, error, probes, here, weights)
