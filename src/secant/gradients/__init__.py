"""The ways to a network's gradient."""

from secant.gradients.backprop import backprop
from secant.gradients.definition import definition
from secant.gradients.method import GradientMethod, LossAndGradients
from secant.gradients.methods import METHODS, find_method
from secant.gradients.node import node
from secant.gradients.source import value_and_gradient
from secant.gradients.spsa import spsa, spsa_method
from secant.gradients.weight import weight

__all__ = [
    "METHODS",
    "GradientMethod",
    "LossAndGradients",
    "backprop",
    "definition",
    "find_method",
    "node",
    "spsa",
    "spsa_method",
    "value_and_gradient",
    "weight",
]
