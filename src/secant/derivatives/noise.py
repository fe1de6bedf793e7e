"""How much a function's values are wrong by: ECnoise.

A simulator that iterates until it has six digits, or draws random numbers, has values
that scatter. The scatter shows in high differences of values at equally spaced places
close together, from which whatever is smooth has gone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secant.derivatives.validation import Floats

POINTS = 9
"""Places of one look at a function."""


def scatter(values: NDArray[np.floating[Any]]) -> float | None:
    """The standard deviation of noise in values at equally spaced places.

        σₖ² = (k!)² / (2k)! · mean of (Δᵏ f)²

    Differences of order k of independent errors of deviation σ have the variance
    (2k)! / (k!)² σ². Where three orders in a row agree on σ within a factor of 4, and
    differences of that order have both signs, what they show is noise.

    Args:
        values: Of f, at some nine places at equal distances, (places,).

    Returns:
        σ; None where the differences show no noise, but f's own bends.

    Source:
        Moré & Wild (2011), "Estimating computational noise", SIAM Journal on Scientific
        Computing 33(3), 1292-1314: the algorithm ECnoise.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> scatter(np.linspace(1, 1.001, 9) + 1e-6 * draw.standard_normal(9))
        4.5...e-07
        >>> scatter(np.exp(np.linspace(0, 1, 9))) is None
        True
    """
    levels: list[float] = []
    mixed: list[bool] = []
    difference: NDArray[np.floating[Any]] = values
    gamma = 1.0
    for k in range(1, len(values) - 1):
        difference = np.diff(difference)
        gamma *= k / (2 * (2 * k - 1))
        levels.append(float(np.sqrt(gamma * np.mean(difference**2))))
        mixed.append(bool(difference.min() < 0 < difference.max()))
    for k in range(len(levels) - 2):
        three = levels[k : k + 3]
        if mixed[k] and max(three) <= 4 * min(three):
            return levels[k]
    return None


def measure(
    ask: Callable[[Floats], Floats], width: float, tries: int = 3
) -> tuple[Floats, bool]:
    """The noise of each entry of f's values around a place.

    Args:
        ask: Gives f's values, (places, entries), at distances t from the place.
        width: A distance over which f bends. The first look is far closer.
        tries: How many looks there may be, of nine evaluations each.

    Returns:
        σ for each entry, 0 where none was seen, and whether any was.

    Example:
        >>> def ask(t):
        ...     return np.round(np.sin(1 + t), 6)[:, None]
        >>> sigma, seen = measure(ask, 0.1)
        >>> bool(1e-7 < sigma[0] < 1e-6), seen
        (True, True)
    """
    apart = 1e-6 * width
    sigma: Floats | None = None
    for _ in range(tries):
        t: Any = apart * (np.arange(POINTS) - POINTS // 2)
        values = ask(t)
        # Most of them alike: closer together than f tells places apart.
        alike = (np.diff(values, axis=0) == 0).mean(axis=0) >= 0.5
        found = [
            None if same else scatter(column)
            for column, same in zip(values.T, alike, strict=True)
        ]
        new: Floats = np.array([np.nan if one is None else one for one in found])
        # Constant in every place: nothing to see there, at this distance or another.
        sigma = new if sigma is None else np.where(np.isnan(sigma), new, sigma)
        if not np.isnan(sigma).any():
            break
        waiting = np.isnan(sigma)
        apart *= 100 if alike[waiting].any() else 0.01
    assert sigma is not None
    return np.nan_to_num(sigma), bool((sigma > 0).any())
