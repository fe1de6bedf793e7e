"""The ways to compute a network's gradient.

The functions themselves load when a method is first called: see `LazyFunction`.
"""

from secant.nn.gradients.method import (
    GradientMethod,
    LazyFunction,
    LossAndGradients,
    MethodOption,
)
from secant.nn.gradients.methods import METHODS, find_method, methods_with, spsa_method

__all__ = [
    "METHODS",
    "GradientMethod",
    "LazyFunction",
    "LossAndGradients",
    "MethodOption",
    "find_method",
    "methods_with",
    "spsa_method",
]
