"""Gradient fields: arrows of the gradient of a function of two variables."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from secant.errors import InvalidInput
from secant.plots.grids import Bounds, as_bounds, draw_contours, evaluate
from secant.plots.style import DARK, figure_of, single_axes
from secant.plots.words import translator
from secant.slopes.checks import Function, as_function
from secant.slopes.definition import numerical_gradient


def gradient_field(
    f: Function,
    bounds: Bounds = ((-2, 2), (-2, 2)),
    *,
    arrows: int = 17,
    title: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """Arrows of the negative gradient on a grid: the downhill direction and its slope.

    `-∇f = -(∂f/∂x₀, ∂f/∂x₁)`, by `numerical_gradient`. The length of an arrow is
    proportional to the gradient's; the longest is 1.3 times the grid's spacing.

    Args:
        f: A function of an array of two numbers.
        bounds: ((lowest, highest) of x₀, (lowest, highest) of x₁).
        arrows: The number of arrows along each side, at least 2.
        title: The title.
        ax: The axes to draw into; a new figure by default.
        language: `en` or `ko`.

    Returns:
        The figure. It has no arrow where f has no gradient.

    Raises:
        InvalidInput: `bounds` are not bounds, there are fewer than 2 arrows, or f has
            no finite value.

    Example:
        >>> figure = gradient_field(lambda x: x[0] ** 2 + x[1] ** 2)
        >>> figure.axes[0].get_xlabel()
        'x₀'
    """
    tr, f, bounds = translator(language), as_function(f), as_bounds(bounds)
    if not isinstance(arrows, int) or arrows < 2:
        raise InvalidInput(
            f"arrows is {arrows!r}: pass the number along each side, such as 17"
        )
    (left, right), (low, high) = bounds
    x, y = np.meshgrid(np.linspace(left, right, arrows), np.linspace(low, high, arrows))
    downhill = np.array([_downhill(f, point) for point in np.c_[x.ravel(), y.ravel()]])
    known = np.isfinite(downhill).all(axis=1)
    lengths = np.hypot(*downhill[known].T)
    cell = min(right - left, high - low) / (arrows - 1)
    longest = lengths.max(initial=0.0)
    with single_axes(ax, (6.2, 5.6)) as ax:
        draw_contours(ax, evaluate(f, bounds, 81))
        ax.quiver(
            x.ravel()[known],
            y.ravel()[known],
            *downhill[known].T,
            angles="xy",
            scale_units="xy",
            # At this length the arrows of diagonal neighbours do not overlap.
            scale=(longest or 1.0) / (1.3 * cell),
            color=DARK,
            width=0.004,
        )
        ax.set_xlim(left - cell / 2, right + cell / 2)
        ax.set_ylim(low - cell / 2, high + cell / 2)
        ax.set_xlabel("x₀")
        ax.set_ylabel("x₁")
        ax.set_title(title or tr("The gradient, downhill"))
        return figure_of(ax)


def _downhill(f: Function, point: np.ndarray) -> np.ndarray:
    try:
        with np.errstate(all="ignore"):
            return -numerical_gradient(f, point)
    except (ArithmeticError, ValueError):  # no finite value there
        return np.full(2, np.nan)
