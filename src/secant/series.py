"""expm1 and log1p of small numbers, by a few terms of their power series.

A nudge of 1e-4 leaves arguments far below 1, where four terms give all the digits of
float32 and cost a fraction of the functions themselves.
"""

from secant.arrays import Array

NEAR = 1 / 64
"""The largest magnitude of an argument: there the first term left out is 5e-10 of
`expm1` and 1.2e-8 of `log1p`, less than half a unit in float32's last place."""


def short_expm1(d: Array) -> Array:
    """`exp(d) - 1` for `|d| ≤ NEAR`.

    Example:
        >>> short_expm1(1e-4)
        0.00010000500016667084
    """
    return d * (1 + d * (1 / 2 + d * (1 / 6 + d * (1 / 24))))


def short_log1p(r: Array) -> Array:
    """`log(1 + r)` for `|r| ≤ NEAR`.

    Example:
        >>> round(short_log1p(1e-4), 15)
        9.9995000333e-05
    """
    return r * (1 - r * (1 / 2 - r * (1 / 3 - r / 4)))
