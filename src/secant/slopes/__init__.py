"""Numerical derivatives of any Python function."""

from secant.slopes.adaptive import (
    derivative,
    directional_derivative,
    gradient,
    hessian,
    jacobian,
)
from secant.slopes.definition import (
    numerical_diff,
    numerical_gradient,
    partial_derivative,
)
from secant.slopes.result import Derivative

__all__ = [
    "Derivative",
    "derivative",
    "directional_derivative",
    "gradient",
    "hessian",
    "jacobian",
    "numerical_diff",
    "numerical_gradient",
    "partial_derivative",
]
