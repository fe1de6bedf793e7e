"""Gradients of a function of two variables, as arrows."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from secant.plots.grids import Bounds, checked, draw_heights, evaluate
from secant.plots.style import DARK, figure_of, one
from secant.plots.words import speaker
from secant.slopes.checks import Function, as_function
from secant.slopes.definition import numerical_gradient
from secant.validation import WholeNumber, validate


def gradient_field(
    f: Function,
    bounds: Bounds = ((-2, 2), (-2, 2)),
    *,
    arrows: int = 17,
    title: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """Arrows of the negative gradient on a grid: where downhill is, and how steep.

    `-∇f = -(∂f/∂x₀, ∂f/∂x₁)`, by `numerical_gradient`. The length of an arrow is in
    proportion to the gradient's; the longest is 1.3 times the grid's spacing.

    Args:
        f: A function of an array of two numbers.
        bounds: ((lowest, highest) of x₀, (lowest, highest) of x₁).
        arrows: Along each side, from 2 on.
        title: A line above.
        ax: Where to draw; a new figure if not given.
        language: `en` or `ko`.

    Returns:
        The figure. Where f has no gradient there is no arrow.

    Raises:
        InvalidInput: `bounds` are no bounds, fewer than 2 arrows, or f has a finite
            value nowhere.

    Example:
        >>> figure = gradient_field(lambda x: x[0] ** 2 + x[1] ** 2)
        >>> figure.axes[0].get_xlabel()
        'x₀'
    """
    say, f, bounds = speaker(language), as_function(f), checked(bounds)
    arrows = validate("arrows", arrows, WholeNumber(low=2, example=17))
    (left, right), (low, high) = bounds
    x, y = np.meshgrid(np.linspace(left, right, arrows), np.linspace(low, high, arrows))
    downhill = np.array([_downhill(f, place) for place in np.c_[x.ravel(), y.ravel()]])
    known = np.isfinite(downhill).all(axis=1)
    lengths = np.hypot(*downhill[known].T)
    cell = min(right - left, high - low) / (arrows - 1)
    longest = lengths.max(initial=0.0)
    with one(ax, (6.2, 5.6)) as ax:
        draw_heights(ax, evaluate(f, bounds, 81))
        ax.quiver(
            x.ravel()[known],
            y.ravel()[known],
            *downhill[known].T,
            angles="xy",
            scale_units="xy",
            # Along the diagonal two neighbours' arrows would overlap otherwise.
            scale=(longest or 1.0) / (1.3 * cell),
            color=DARK,
            width=0.004,
        )
        ax.set_xlim(left - cell / 2, right + cell / 2)
        ax.set_ylim(low - cell / 2, high + cell / 2)
        ax.set_xlabel("x₀")
        ax.set_ylabel("x₁")
        ax.set_title(title or say("The gradient, downhill"))
        return figure_of(ax)


def _downhill(f: Function, place: np.ndarray) -> np.ndarray:
    try:
        with np.errstate(all="ignore"):
            return -numerical_gradient(f, place)
    except (ArithmeticError, ValueError):  # no finite value there
        return np.full(2, np.nan)
