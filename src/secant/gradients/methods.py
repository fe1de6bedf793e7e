"""The ways to a network's gradient, by name."""

from secant.errors import unknown_name
from secant.gradients.backprop import BACKPROP
from secant.gradients.definition import DEFINITION
from secant.gradients.method import GradientMethod
from secant.gradients.node import NODE
from secant.gradients.spsa import SPSA
from secant.gradients.weight import WEIGHT

METHODS: dict[str, GradientMethod] = {
    method.name: method for method in (DEFINITION, WEIGHT, NODE, SPSA, BACKPROP)
}
"""Every method that `gradient=` takes. A new one is one more entry."""


def find_method(gradient: str | GradientMethod) -> GradientMethod:
    """The method that a name stands for, or the method itself.

    Raises:
        InvalidInput: There is none of that name.

    Example:
        >>> find_method("backprop").nudges
        'nothing: the chain rule'
    """
    if isinstance(gradient, GradientMethod):
        return gradient
    if not isinstance(gradient, str) or gradient not in METHODS:
        raise unknown_name("gradient method", gradient, METHODS)
    return METHODS[gradient]
