"""`expm1` and `log1p` of small numbers: four terms of their power series.

A nudge of 1e-4 gives arguments far below 1. Four terms are then exact to float32 and
cost a fraction of the functions themselves.
"""

from secant.arrays import Array

NEAR = 1 / 64
"""The largest magnitude of an argument. There the first omitted term is 5e-10 of
`expm1` and 1.2e-8 of `log1p`, less than half a unit in the last place of float32."""


def short_expm1(d: Array) -> Array:
    """`exp(d) - 1` for `|d| ≤ NEAR`.

    Example:
        >>> short_expm1(1e-4)
        0.000100005000166...
    """
    return d * (1 + d * (1 / 2 + d * (1 / 6 + d * (1 / 24))))


def short_log1p(r: Array) -> Array:
    """`log(1 + r)` for `|r| ≤ NEAR`.

    Example:
        >>> round(short_log1p(1e-4), 15)
        9.9995000333e-05
    """
    return r * (1 - r * (1 / 2 - r * (1 / 3 - r / 4)))
