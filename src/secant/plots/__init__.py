"""Pictures of what people would rather look at than read.

Every function returns a Matplotlib `Figure`, drawn without a display. Matplotlib
is loaded when the first picture is drawn.
"""

from secant.plots.checks import gradient_errors
from secant.plots.methods import comparison, error_curves
from secant.plots.runs import draw_accuracy, draw_loss, training
from secant.plots.style import BLUE, COLORS, GREEN, GREY, ORANGE, STYLE

__all__ = [
    "BLUE",
    "COLORS",
    "GREEN",
    "GREY",
    "ORANGE",
    "STYLE",
    "comparison",
    "draw_accuracy",
    "draw_loss",
    "error_curves",
    "gradient_errors",
    "training",
]
