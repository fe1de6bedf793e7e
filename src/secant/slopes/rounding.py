"""The error of slopes in which nothing was subtracted: what rounding does within f.

There is no step to vary, and nothing that scatters by itself. But at a few floats
beside the point f rounds otherwise, and its slope should be the same up to that.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from secant.slopes.checks import Floats
from secant.slopes.lines import EPSILON, Lines, Numbers, mixtures, shaken

CARE = 8
"""Roundings that an error allows for beyond those that are seen."""

FEW = 3
"""Neighbours of the point that are looked at."""

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
    """Slopes, and their errors from neighbouring floats.

    Args:
        slope: Computes them.
        lines: Along what.
        each: Whether every line is looked at by itself; if not, a few directions
            stand for all.
        inward: To which end of each line there is more room, see `mixtures`.
        epsilon: One rounding of f's arithmetic, relative.
        bounds: Within which the neighbours of the point have to be.
    """
    slopes = slope(lines)
    if each or len(lines) <= FEW:
        probes, weights, here = lines, None, slopes
    else:
        probes, weights = mixtures(lines, inward)
        here = weights @ slopes
    scatter = np.zeros(here.shape)
    for seed in range(FEW):
        there = slope(shaken(probes, seed, *bounds))
        scatter = np.maximum(scatter, abs(there - here))
    if weights is None:
        error = 2 * scatter + CARE * epsilon * abs(slopes)
    else:
        # What scatters in a mixture may be due to any one of its lines. Of two ways to
        # mix them, each bounds every line's share.
        bounds_of_each: list[Floats] = []
        for pair in (slice(0, 2), slice(2, 4)):
            size = abs(weights[pair]).max(axis=0)[:, np.newaxis]
            largest = abs(slopes * size).max(axis=0)
            in_all = 4 * scatter[pair].max(axis=0) + CARE * epsilon * largest
            bounds_of_each.append(in_all / size)
        error = np.minimum(*bounds_of_each) + CARE * epsilon * abs(slopes)
    return Looked(slopes, error, probes, here, weights)
