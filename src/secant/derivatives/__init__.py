"""Numerical derivatives of any Python function."""

from secant.derivatives.derivatives import (
    derivative,
    directional_derivative,
    gradient,
    hessian,
    jacobian,
)
from secant.derivatives.finite_difference import (
    numerical_diff,
    numerical_gradient,
    partial_derivative,
)
from secant.derivatives.result import Derivative

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
