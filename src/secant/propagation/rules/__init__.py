"""The rules, by kind of operation. Importing this package fills the table."""

from secant.propagation.rules import (
    arithmetic,
    control,
    elementary,
    indexing,
    linear_algebra,
    loops,
    reduction,
    selection,
    shape,
    special,
)

__all__ = [
    "arithmetic",
    "control",
    "elementary",
    "indexing",
    "linear_algebra",
    "loops",
    "reduction",
    "selection",
    "shape",
    "special",
]
