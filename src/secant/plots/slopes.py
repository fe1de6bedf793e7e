"""A slope, seen: the secant of two nudges and the tangent that it nears."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from secant.derivatives.finite_difference import numerical_diff
from secant.derivatives.validation import STEP_SIZE, Function, as_function
from secant.errors import InvalidInput
from secant.plots.style import BLUE, GREY, ORANGE, figure_of, one
from secant.plots.translations import speaker
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

    The secant's slope `(f(x + h) - f(x - h)) / 2h` is the numerical derivative; the
    tangent's is the same with h = 1e-4, by `numerical_diff`.

    Args:
        f: A function of a number.
        x: The place.
        h: How far it is nudged, to both sides; large enough to be seen.
        span: From where to where f is drawn; x ± 3h if not given. Where f has no
            value there is a gap.
        title: A line above.
        ax: Where to draw; a new figure if not given.
        language: `en` or `ko`.

    Returns:
        The figure.

    Raises:
        InvalidInput: f has no finite value or slope at x or x ± h; or `span` is no
            ascending pair.

    Example:
        >>> figure = secant_and_tangent(lambda x: 0.01 * x**2 + 0.1 * x, 5, h=4)
        >>> figure.axes[0].get_legend().get_texts()[1].get_text()
        'tangent: slope 0.2'
    """
    say, f, h = speaker(language), as_function(f), validate("h", h, STEP_SIZE)
    tangent = float(numerical_diff(f, x))
    places = np.linspace(*_checked_span(span, x, h), _POINTS)
    with np.errstate(all="ignore"):
        curve = np.array([_value(f, place) for place in places])
        low, middle, high = (_value(f, place) for place in (x - h, x, x + h))
    if not np.isfinite([low, high]).all():
        raise InvalidInput(
            f"f is {low:g} at {x - h:g} and {high:g} at {x + h:g}, and a secant needs "
            "two finite values: pass a smaller h"
        )
    secant = (high - low) / (2 * h)
    with one(ax) as ax:
        ax.plot(places, curve, color=BLUE, linewidth=2, label="f")
        ax.plot(
            places,
            middle + tangent * (places - x),
            color=GREY,
            linewidth=1.4,
            linestyle=(0, (4, 3)),
            label=say("tangent: slope {:.4g}", tangent),
        )
        ax.plot(
            places,
            low + secant * (places - (x - h)),
            color=ORANGE,
            linewidth=1.4,
            label=say("secant, h = {:g}: slope {:.4g}", h, secant),
        )
        ax.plot([x - h, x + h], [low, high], "o", color=ORANGE, markersize=7)
        ax.plot([x], [middle], "o", color=BLUE, markersize=7)
        for place, height, name in (
            (x - h, low, "x − h"),
            (x, middle, "x"),
            (x + h, high, "x + h"),
        ):
            ax.annotate(
                name,
                (place, height),
                (0, -9),
                textcoords="offset points",
                ha="center",
                va="top",
                color=BLUE if place == x else ORANGE,
                path_effects=[withStroke(linewidth=3, foreground="white")],
            )
        _look_at_the_curve(ax, curve)
        ax.set_xlim(places[0], places[-1])
        ax.set_xlabel("x")
        ax.set_ylabel("f(x)")
        ax.set_title(title or say("Secant and tangent"))
        ax.legend(loc="best")
        return figure_of(ax)


def _checked_span(
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
            f"span is {span!r}: pass from where to where f is drawn, such as (-1, 1)"
        )
    return left, right


def _value(f: Function, x: float) -> float:
    try:
        value = f(x)
    except (ArithmeticError, ValueError):  # math.log(-1), 1 / 0
        return np.nan
    return float(value) if np.isrealobj(value) and np.isfinite(value) else np.nan


def _look_at_the_curve(ax: Axes, curve: np.ndarray) -> None:
    """Steep lines leave the picture: they must not flatten the curve."""
    low, high = np.nanmin(curve), np.nanmax(curve)
    room = 0.18 * ((high - low) or 1.0)
    ax.set_ylim(low - room, high + room)
