"""Secant and tangent: the numerical derivative as a picture."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from secant.derivatives.finite_difference import numerical_diff
from secant.derivatives.validation import STEP_SIZE, Function, as_function
from secant.errors import InvalidInput
from secant.plots.style import BLUE, GREY, ORANGE, figure_of, single_axes
from secant.plots.translations import translator
from secant.validation import validate

_POINTS = 400


def secant_and_tangent(
    f: Function,
    x: float,
    h: float = 0.5,
    *,
    span: tuple[float, float] | None = None,
    title: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """A function, its secant through x ± h, and its tangent at x.

    The secant's slope `(f(x + h) - f(x - h)) / 2h` is the numerical derivative. The
    tangent's slope is the same with h = 1e-4, by `numerical_diff`.

    Args:
        f: A function of a number.
        x: The point.
        h: The step size to both sides, large enough to be visible.
        span: The interval to draw; x ± 3h by default. The curve has gaps where f has
            no value.
        title: The title.
        ax: The axes to draw into; a new figure by default.
        language: `en` or `ko`.

    Returns:
        The figure.

    Raises:
        InvalidInput: f has no finite value or slope at x or x ± h; or `span` is not
            an ascending pair.

    Example:
        >>> figure = secant_and_tangent(lambda x: 0.01 * x**2 + 0.1 * x, 5, h=4)
        >>> figure.axes[0].get_legend().get_texts()[1].get_text()
        'tangent: slope 0.2'
    """
    tr, f, h = translator(language), as_function(f), validate("h", h, STEP_SIZE)
    tangent = float(numerical_diff(f, x))
    points = np.linspace(*_as_span(span, x, h), _POINTS)
    with np.errstate(all="ignore"):
        curve = np.array([_value(f, point) for point in points])
        low, middle, high = (_value(f, point) for point in (x - h, x, x + h))
    if not np.isfinite([low, high]).all():
        raise InvalidInput(
            f"f is {low:g} at {x - h:g} and {high:g} at {x + h:g}, and a secant needs "
            "two finite values: pass a smaller h"
        )
    secant = (high - low) / (2 * h)
    with single_axes(ax) as ax:
        ax.plot(points, curve, color=BLUE, linewidth=2, label="f")
        ax.plot(
            points,
            middle + tangent * (points - x),
            color=GREY,
            linewidth=1.4,
            linestyle=(0, (4, 3)),
            label=tr("tangent: slope {:.4g}", tangent),
        )
        ax.plot(
            points,
            low + secant * (points - (x - h)),
            color=ORANGE,
            linewidth=1.4,
            label=tr("secant, h = {:g}: slope {:.4g}", h, secant),
        )
        ax.plot([x - h, x + h], [low, high], "o", color=ORANGE, markersize=7)
        ax.plot([x], [middle], "o", color=BLUE, markersize=7)
        for point, height, name in (
            (x - h, low, "x − h"),
            (x, middle, "x"),
            (x + h, high, "x + h"),
        ):
            ax.annotate(
                name,
                (point, height),
                (0, -9),
                textcoords="offset points",
                ha="center",
                va="top",
                color=BLUE if point == x else ORANGE,
                path_effects=[withStroke(linewidth=3, foreground="white")],
            )
        _set_y_limits(ax, curve)
        ax.set_xlim(points[0], points[-1])
        ax.set_xlabel("x")
        ax.set_ylabel("f(x)")
        ax.set_title(title or tr("Secant and tangent"))
        ax.legend(loc="best")
        return figure_of(ax)


def _as_span(
    span: tuple[float, float] | None, x: float, h: float
) -> tuple[float, float]:
    if span is None:
        return x - 3 * h, x + 3 * h
    try:
        left, right = map(float, span)
    except (TypeError, ValueError):
        left = right = np.nan
    if not (np.isfinite([left, right]).all() and left < right):
        raise InvalidInput(
            f"span is {span!r}: pass the interval to draw, such as (-1, 1)"
        )
    return left, right


def _value(f: Function, x: float) -> float:
    try:
        value = f(x)
    except (ArithmeticError, ValueError):  # math.log(-1), 1 / 0
        return np.nan
    return float(value) if np.isrealobj(value) and np.isfinite(value) else np.nan


def _set_y_limits(ax: Axes, curve: np.ndarray) -> None:
    """Fit the y axis to the curve alone: steep lines would flatten it."""
    low, high = np.nanmin(curve), np.nanmax(curve)
    margin = 0.18 * ((high - low) or 1.0)
    ax.set_ylim(low - margin, high + margin)
