"""Difference propagation: `f(x + dx) - f(x)` carried through `f`, never subtracted.

`registry` is the table of rules, one for each JAX primitive, and the combinators that
most of them are; `rules/` fills it; `interpreter` walks a program with it;
`transform` makes of that `difference`; `coordinates` perturbs one coordinate after the
other with it, and has `slope`, `central_slopes` and `changes_along_coordinates`.
"""

from secant.propagation.coordinates import (
    central_slopes,
    changes_along_coordinates,
    slope,
)
from secant.propagation.difference import difference
from secant.propagation.registry import FallbackWarning, MissingRule

__all__ = [
    "FallbackWarning",
    "MissingRule",
    "central_slopes",
    "changes_along_coordinates",
    "difference",
    "slope",
]
