"""Difference propagation: `f(x + dx) - f(x)` carried through `f`, never subtracted.

`difference` traces `f` as a JAX program, and `interpreter` walks it with the value and
the `delta` of each intermediate result. `registry` is the table of rules, one for each
JAX primitive; `rules/` fills it with the combinators of `builders`. `coordinates`
perturbs one coordinate after the other with `difference`, and has `slope`,
`central_slopes` and `changes_along_coordinates`. A nudge of one weight changes a slice
of each array on its way: `slices` sends only that slice through a program, by what
`axes` knows of each primitive.
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
