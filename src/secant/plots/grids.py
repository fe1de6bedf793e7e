"""A function of two variables on a grid, drawn as heights."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from secant.derivatives.finite_difference import numerical_gradient
from secant.derivatives.validation import Function, as_function
from secant.errors import InvalidInput
from secant.plots.style import DARK, HEIGHTS, figure_of, one
from secant.plots.translations import speaker
from secant.validation import WholeNumber, validate

Bounds: TypeAlias = tuple[tuple[float, float], tuple[float, float]]
"""((lowest, highest) of x₀, (lowest, highest) of x₁)."""

_LEVELS = 15


class Grid(NamedTuple):
    """Values of a function of two variables.

    Attributes:
        x: Places along x₀, (columns,).
        y: Places along x₁, (rows,).
        z: Values, (rows, columns); NaN where there is none.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray


def evaluate(f: Callable[[Any], Any], bounds: Bounds, points: int) -> Grid:
    """The function on points × points places.

    Args:
        f: Of an array of two numbers; returns a number.
        bounds: Of the grid.
        points: Along each side.

    Raises:
        InvalidInput: `bounds` are none, or f has a finite value nowhere.

    Example:
        >>> evaluate(lambda x: x[0] + 10 * x[1], ((0, 1), (0, 1)), 2).z
        array([[ 0.,  1.],
               [10., 11.]])
    """
    (left, right), (low, high) = checked(bounds)
    x, y = np.linspace(left, right, points), np.linspace(low, high, points)
    with np.errstate(all="ignore"):
        z = np.array([[_value(f, np.array([a, b])) for a in x] for b in y])
    if not np.isfinite(z).any():
        raise InvalidInput(
            f"f has a finite value nowhere within bounds={bounds}: pass bounds where "
            "it has, such as ((-1, 1), (-1, 1))"
        )
    return Grid(x, y, z)


def checked(bounds: Any) -> Bounds:
    """The bounds as floats.

    Raises:
        InvalidInput: They are not two pairs of finite numbers, each ascending.
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


def draw_heights(ax: Axes, grid: Grid) -> None:
    """Contours with as much of the picture between any two: blue low, white high."""
    levels = level_values(grid.z)
    filled = np.ma.masked_invalid(grid.z)
    ax.contourf(
        grid.x,
        grid.y,
        filled,
        levels,
        cmap=HEIGHTS,
        norm=BoundaryNorm(levels, HEIGHTS.N),
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
        # Gradients stand at right angles to contours only where units are equal.
        ax.set_aspect("equal")


def level_values(z: np.ndarray) -> np.ndarray:
    """Heights that cut the picture into parts of equal area, ascending."""
    finite = z[np.isfinite(z)]
    levels = np.unique(np.quantile(finite, np.linspace(0, 1, _LEVELS)))
    if len(levels) < 3:  # flat, or nearly: quantiles coincide
        middle, around = float(levels[0]), max(abs(float(levels[0])), 1.0) * 1e-3
        levels = np.linspace(
            min(middle - around, levels[0]), max(middle + around, levels[-1]), 3
        )
    return levels


def _value(f: Callable[[Any], Any], x: np.ndarray) -> float:
    try:
        value = f(x)
    except ArithmeticError:  # 1/0, or a power that overflows, of Python's numbers
        return np.nan
    if np.ndim(value) or np.iscomplexobj(value):
        raise InvalidInput(
            f"f returned {type(value).__name__} of shape {np.shape(value)} for an "
            "array of two numbers: return one real number"
        )
    return float(value) if np.isfinite(value) else np.nan


# Gradients of a function of two variables, as arrows.


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
