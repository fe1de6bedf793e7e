"""Gradient methods: their cost and their errors."""

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from secant.plots.style import BLUE, COLORS, ORANGE, figure_of, single_axes
from secant.plots.translations import translator

# The kinds of slopes in the names of `secant.comparison.error_curves`.
_SLOPES = ("subtracted", "propagated")


def comparison(
    points: Sequence[tuple[str, float, float]],
    *,
    title: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """The relative error of each gradient method against its cost, on log scales.

    Args:
        points: Name, seconds a step and relative error of each method.
        title: The title.
        ax: The axes to draw into; a new figure by default.
        language: `en` or `ko`.

    Returns:
        A figure with a point for each method; better methods are further down and
        left.
    """
    tr = translator(language)
    with single_axes(ax) as axes:
        axes.set_title(title or tr("Cost and error of each gradient method"))
        axes.set_xlabel(tr("milliseconds a step"))
        axes.set_ylabel(tr("error, relative to backprop in float64"))
        axes.set_xscale("log")
        axes.set_yscale("log")
        # Methods of similar cost are neighbours, so labels alternate above and below.
        ordered = sorted(points, key=lambda point: point[1])
        sides = itertools.cycle([(0, 10, "bottom"), (0, -10, "top")])
        for (name, seconds, error), color, (dx, dy, side) in zip(
            ordered, itertools.cycle(COLORS), sides, strict=False
        ):
            at = (1e3 * seconds, max(error, 1e-17))
            axes.plot(*at, "o", color=color, markersize=9)
            axes.annotate(
                name,
                at,
                xytext=(dx, dy),
                textcoords="offset points",
                ha="center",
                va=side,
                color=color,
                fontsize=9.5,
            )
        axes.margins(x=0.22, y=0.14)
        return figure_of(axes)


def error_curves(
    curves: Sequence[tuple[str, np.ndarray, np.ndarray]],
    *,
    title: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """The error of a slope against its step size: the "V-curve".

    Args:
        curves: From `secant.comparison.error_curves`: name, steps and errors of each.
        title: The title.
        ax: The axes to draw into; a new figure by default.
        language: `en` or `ko`.

    Returns:
        A figure. On the right side of each V the truncation error falls with h²; on
        the left side, subtraction loses a digit per decade. Difference propagation
        has no left side.
    """
    tr = translator(language)
    with single_axes(ax) as axes:
        axes.set_title(title or tr("Error of the central difference for every step h"))
        axes.set_xlabel("h")
        axes.set_ylabel(tr("error of the slopes, relative"))
        axes.set_xscale("log")
        axes.set_yscale("log")
        for name, steps, errors in curves:
            propagated, double = "propagated" in name, "64" in name
            axes.plot(
                steps,
                np.maximum(errors, 1e-17),
                color=BLUE if propagated else ORANGE,
                linestyle="-" if not double else (0, (4, 1.6)),
                marker="o",
                markersize=4,
                markerfacecolor="white" if double else None,
                label=", ".join(
                    tr(word) if word in _SLOPES else word for word in name.split(", ")
                ),
            )
        axes.legend(loc="upper center", ncols=2)
        axes.set_ylim(top=axes.get_ylim()[1] * 300)
        return figure_of(axes)
