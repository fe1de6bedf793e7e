"""Contours of a function of two variables, from its values on a grid."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from secant.derivatives.finite_difference import numerical_gradient
from secant.derivatives.validation import Function, as_function
from secant.errors import InvalidInput
from secant.plots.style import CONTOUR_COLORS, DARK, figure_of, single_axes
from secant.plots.translations import translator
from secant.validation import WholeNumber, validate

Bounds: TypeAlias = tuple[tuple[float, float], tuple[float, float]]
"""((lowest, highest) of x₀, (lowest, highest) of x₁)."""

_LEVELS = 15


class Grid(NamedTuple):
    """Values of a function of two variables.

    Attributes:
        x: Coordinates along x₀, (columns,).
        y: Coordinates along x₁, (rows,).
        z: Values, (rows, columns); NaN where f has none.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray


def evaluate_on_grid(f: Callable[[Any], Any], bounds: Bounds, points: int) -> Grid:
    """The function on a grid of points × points.

    Args:
        f: A function of an array of two numbers that returns a number.
        bounds: The bounds of the grid.
        points: The number of points along each side.

    Raises:
        InvalidInput: `bounds` are not bounds, or f has no finite value.

    Example:
        >>> evaluate_on_grid(lambda x: x[0] + 10 * x[1], ((0, 1), (0, 1)), 2).z
        array([[ 0.,  1.],
               [10., 11.]])
    """
    (left, right), (low, high) = as_bounds(bounds)
    x, y = np.linspace(left, right, points), np.linspace(low, high, points)
    with np.errstate(all="ignore"):
        z = np.array([[_value(f, np.array([a, b])) for a in x] for b in y])
    if not np.isfinite(z).any():
        raise InvalidInput(
            f"f has no finite value within bounds={bounds}: pass bounds where it has, "
            "such as ((-1, 1), (-1, 1))"
        )
    return Grid(x, y, z)


def as_bounds(bounds: Any) -> Bounds:
    """The bounds as floats.

    Raises:
        InvalidInput: `bounds` is not two ascending pairs of finite numbers.
    """
    try:
        (left, right), (low, high) = bounds
        found = (float(left), float(right)), (float(low), float(high))
    except (TypeError, ValueError):
        found = (np.nan, np.nan), (np.nan, np.nan)
    if not all(np.isfinite(side).all() and side[0] < side[1] for side in found):
        raise InvalidInput(
            f"bounds is {bounds!r}: pass the lowest and highest of both variables, "
            "such as ((-3, 3), (-2, 2))"
        )
    return found


def draw_contours(ax: Axes, grid: Grid) -> None:
    """Contours with equal areas between them: blue is low, white is high."""
    levels = contour_levels(grid.z)
    filled = np.ma.masked_invalid(grid.z)
    ax.contourf(
        grid.x,
        grid.y,
        filled,
        levels,
        cmap=CONTOUR_COLORS,
        norm=BoundaryNorm(levels, CONTOUR_COLORS.N),
    )
    ax.contour(
        grid.x,
        grid.y,
        filled,
        levels[1:-1],
        colors="#6f8fa3",
        linewidths=0.5,
        alpha=0.7,
    )
    ax.set_xlim(grid.x[0], grid.x[-1])
    ax.set_ylim(grid.y[0], grid.y[-1])
    ax.grid(visible=False)
    width, height = grid.x[-1] - grid.x[0], grid.y[-1] - grid.y[0]
    if max(width, height) <= 3 * min(width, height):
        # Gradients are perpendicular to contours only at equal units.
        ax.set_aspect("equal")


def contour_levels(z: np.ndarray) -> np.ndarray:
    """Ascending heights that divide the picture into parts of equal area."""
    finite = z[np.isfinite(z)]
    levels = np.unique(np.quantile(finite, np.linspace(0, 1, _LEVELS)))
    if len(levels) < 3:  # a flat or nearly flat function: quantiles coincide
        middle, margin = float(levels[0]), max(abs(float(levels[0])), 1.0) * 1e-3
        levels = np.linspace(
            min(middle - margin, levels[0]), max(middle + margin, levels[-1]), 3
        )
    return levels


def _value(f: Callable[[Any], Any], x: np.ndarray) -> float:
    try:
        value = f(x)
    except ArithmeticError:  # 1/0 or an overflow of Python's numbers
        return np.nan
    if np.ndim(value) or np.iscomplexobj(value):
        raise InvalidInput(
            f"f returned {type(value).__name__} of shape {np.shape(value)} for an "
            "array of two numbers: return one real number"
        )
    return float(value) if np.isfinite(value) else np.nan


# Gradient fields: arrows of the gradient of a function of two variables.


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
    arrows = validate("arrows", arrows, WholeNumber(low=2, example=17))
    (left, right), (low, high) = bounds
    x, y = np.meshgrid(np.linspace(left, right, arrows), np.linspace(low, high, arrows))
    downhill = np.array([_downhill(f, point) for point in np.c_[x.ravel(), y.ravel()]])
    known = np.isfinite(downhill).all(axis=1)
    lengths = np.hypot(*downhill[known].T)
    cell = min(right - left, high - low) / (arrows - 1)
    longest = lengths.max(initial=0.0)
    with single_axes(ax, (6.2, 5.6)) as ax:
        draw_contours(ax, evaluate_on_grid(f, bounds, 81))
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
