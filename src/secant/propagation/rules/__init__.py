"""The rules, by kind of operation. Importing this package fills the table."""

from secant.propagation.rules import (
    arithmetic,
    callbacks,
    calls,
    conditionals,
    eigen,
    exponential,
    linalg,
    loops,
    ordering,
    reductions,
    selection,
    shape,
    slicing,
    special,
    trigonometric,
    windowed_reductions,
)

__all__ = [
    "arithmetic",
    "callbacks",
    "calls",
    "conditionals",
    "eigen",
    "exponential",
    "linalg",
    "loops",
    "ordering",
    "reductions",
    "selection",
    "shape",
    "slicing",
    "special",
    "trigonometric",
    "windowed_reductions",
]
