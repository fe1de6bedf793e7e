"""ECnoise: the noise of a function's values, from differences of high order.

A simulator that iterates until it has six digits, or draws random numbers, returns
values that scatter. At equally spaced points close together, differences of high order
remove whatever is smooth and leave the noise.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secant.derivatives.evaluation import Evaluation
from secant.derivatives.lines import Lines
from secant.derivatives.validation import Floats

PROBE_POINTS = 9
"""Points of one measurement."""

MAX_NOISE_PROBES = 3
"""Distances at which the noise of f is measured, at most."""

FIRST_SPACING = 1e-6
"""Spacing of the first measurement, in units of the distance over which f bends."""


def ecnoise(values: NDArray[np.floating[Any]]) -> float | None:
    """The standard deviation of the noise in values at equally spaced points.

        σₖ² = (k!)² / (2k)! · mean of (Δᵏ f)²

    If the values have independent errors of variance σ², then Δᵏ combines k + 1 of them
    with binomial weights, and the sum of their squares is (2k)! / (k!)²: so each σₖ
    estimates σ. A smooth f adds (step · derivative)ᵏ to Δᵏ f, which falls quickly with
    k. Where three orders in a row agree on σ within a factor of 4, f's own share has
    gone. Noise also changes sign from point to point; differences of one sign are
    curvature.

    Args:
        values: Of f, at about nine equally spaced points, (points,).

    Returns:
        σ; None where the differences show curvature and no noise.

    Source:
        Moré & Wild (2011), "Estimating computational noise", SIAM Journal on Scientific
        Computing 33(3), 1292-1314: the algorithm ECnoise.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> ecnoise(np.linspace(1, 1.001, 9) + 1e-6 * draw.standard_normal(9))
        4.5...e-07
        >>> ecnoise(np.exp(np.linspace(0, 1, 9))) is None
        True
    """
    levels: list[float] = []
    changes_sign: list[bool] = []
    difference: NDArray[np.floating[Any]] = values
    gamma = 1.0  # (k!)² / (2k)!
    for k in range(1, len(values) - 1):
        difference = np.diff(difference)
        gamma *= k / (2 * (2 * k - 1))
        levels.append(float(np.sqrt(gamma * np.mean(difference**2))))
        changes_sign.append(bool(difference.min() < 0 < difference.max()))
    for k in range(len(levels) - 2):
        three = levels[k : k + 3]
        if changes_sign[k] and max(three) <= 4 * min(three):
            return levels[k]
    return None


def measure_noise(
    values_at: Callable[[Floats], Floats], width: float, tries: int = 3
) -> tuple[Floats, bool]:
    """The noise of each entry of f's values around a point.

    The spacing of the points decides what shows. Too far apart, curvature hides the
    noise: then the next measurement is 100 times closer. So close that most values are
    equal, f does not tell the points apart, as after rounding to six digits: then the
    next one is 100 times wider.

    Args:
        values_at: Gives f's values, (points, entries), at distances t from the point.
        width: A distance over which f bends. The first measurement is far closer.
        tries: How many measurements there may be, of nine evaluations each.

    Returns:
        σ for each entry, 0 where no noise shows, and whether any shows.

    Example:
        >>> def values_at(t):
        ...     return np.round(np.sin(1 + t), 6)[:, None]
        >>> sigma, noisy = measure_noise(values_at, 0.1)
        >>> bool(1e-7 < sigma[0] < 1e-6), noisy
        (True, True)
    """
    spacing = FIRST_SPACING * width
    sigma: Floats | None = None
    for _ in range(tries):
        t: Any = spacing * (np.arange(PROBE_POINTS) - PROBE_POINTS // 2)
        values = values_at(t)
        equal = (np.diff(values, axis=0) == 0).mean(axis=0) >= 0.5
        found = [
            None if same else ecnoise(column)
            for column, same in zip(values.T, equal, strict=True)
        ]
        new: Floats = np.array([np.nan if one is None else one for one in found])
        # An entry that is known stays as it is.
        sigma = new if sigma is None else np.where(np.isnan(sigma), new, sigma)
        if not np.isnan(sigma).any():
            break
        unknown = np.isnan(sigma)
        spacing *= 100 if equal[unknown].any() else 0.01
    assert sigma is not None
    return np.nan_to_num(sigma), bool((sigma > 0).any())


def noise_along(
    f: Evaluation, lines: Lines, line: int, width: float, side: int
) -> Floats:
    """The noise of f, measured on one line close to the point.

    Args:
        f: The function.
        lines: The lines.
        line: Which of them.
        width: A distance over which f bends.
        side: 1 or -1 for the side to stay on; 0 for both.

    Returns:
        The standard deviation of each entry of f; 0 where no noise shows.
    """

    def values_at(t: Floats) -> Floats:
        t = side * (t - t.min()) if side else t
        values = f.at(lines, np.full(len(t), line, np.intp), t)
        if not np.isfinite(values).all():
            raise f.trouble or AssertionError
        return values

    return measure_noise(values_at, width, MAX_NOISE_PROBES)[0]
