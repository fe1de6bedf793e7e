"""The rules, by kind of operation. Importing this package fills the table."""

from secant.propagation.rules import (
    arithmetic,
    bessel,
    complex_numbers,
    control,
    error_functions,
    exponential,
    gamma_functions,
    hyperbolic,
    indexing,
    linear_algebra,
    loops,
    powers,
    reduction,
    selection,
    shape,
    trigonometric,
)

__all__ = [
    "arithmetic",
    "bessel",
    "complex_numbers",
    "control",
    "error_functions",
    "exponential",
    "gamma_functions",
    "hyperbolic",
    "indexing",
    "linear_algebra",
    "loops",
    "powers",
    "reduction",
    "selection",
    "shape",
    "trigonometric",
]
