"""Difference propagation: `f(x + dx) - f(x)` carried through `f`, never subtracted.

`registry` is the table of rules, one for each JAX primitive, and the combinators that
most of them are; `rules/` fills it; `interpreter` walks a program with it;
`transform` makes of that what one calls: `difference` and `slope`.
"""

from secant.propagation.difference import difference, slope
from secant.propagation.registry import FallbackWarning, MissingRule

__all__ = ["FallbackWarning", "MissingRule", "difference", "slope"]
