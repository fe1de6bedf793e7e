"""Checking gradients: a verdict for each leaf, with reasons."""

from secant.checking.check import check_gradient, check_hessian_product
from secant.checking.report import (
    Entry,
    GradientReport,
    LeafReport,
    WrongGradient,
)
from secant.checking.verdict import Verdict

__all__ = [
    "Entry",
    "GradientReport",
    "LeafReport",
    "Verdict",
    "WrongGradient",
    "check_gradient",
    "check_hessian_product",
]
