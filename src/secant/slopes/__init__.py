"""Slopes of any Python function, by nudging what it is given."""

from secant.slopes.definition import (
    numerical_diff,
    numerical_gradient,
    partial_derivative,
)

__all__ = ["numerical_diff", "numerical_gradient", "partial_derivative"]
