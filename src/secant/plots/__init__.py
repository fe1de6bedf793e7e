"""Plots of runs, gradients, samples and searches, with Matplotlib.

Every function returns a Matplotlib `Figure`, drawn without a display. Each takes
`ax=` (or `axes=`, if it needs several) to draw into your own figure, and
`language="ko"` for Korean labels. The first plot loads Matplotlib.
"""

from secant.plots.batches import batch_losses
from secant.plots.checks import gradient_errors
from secant.plots.descents import descent_paths, descent_surfaces
from secant.plots.grids import gradient_field
from secant.plots.loss_surfaces import loss_surface
from secant.plots.methods import comparison, error_curves
from secant.plots.runs import draw_accuracy, draw_loss, training, training_runs
from secant.plots.samples import confident_mistakes, confusion_matrix, predictions
from secant.plots.searches import search
from secant.plots.slopes import secant_and_tangent
from secant.plots.style import BLUE, COLORS, GREEN, GREY, ORANGE, STYLE
from secant.plots.weights import weight_images

__all__ = [
    "BLUE",
    "COLORS",
    "GREEN",
    "GREY",
    "ORANGE",
    "STYLE",
    "batch_losses",
    "comparison",
    "confident_mistakes",
    "confusion_matrix",
    "descent_paths",
    "descent_surfaces",
    "draw_accuracy",
    "draw_loss",
    "error_curves",
    "gradient_errors",
    "gradient_field",
    "loss_surface",
    "predictions",
    "search",
    "secant_and_tangent",
    "training",
    "training_runs",
    "weight_images",
]
