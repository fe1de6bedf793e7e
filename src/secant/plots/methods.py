"""Ways to a gradient: what they cost, and how wrong they are."""

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from secant.plots.style import BLUE, COLORS, ORANGE, figure_of, one
from secant.plots.translations import speaker


def comparison(
    points: Sequence[tuple[str, float, float]],
    *,
    title: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """What each gradient method costs against how wrong it is, both on log scales.

    Args:
        points: Name, seconds a step and relative error of each method.
        title: A line above.
        ax: Where to draw; a new figure if not given.
        language: `en` or `ko`.

    Returns:
        A figure with a point for each method: better is further down and left.
    """
    say = speaker(language)
    with one(ax) as axes:
        axes.set_title(title or say("Cost and error of each way to the gradient"))
        axes.set_xlabel(say("milliseconds a step"))
        axes.set_ylabel(say("error, relative to backprop in float64"))
        axes.set_xscale("log")
        axes.set_yscale("log")
        # Methods of like cost lie beside each other: labels go above and below in turn.
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
    """The error of a slope against the size of its step: the "V-curve".

    Args:
        curves: From `secant.comparison.error_curves`: name, steps and errors each.
        title: A line above.
        ax: Where to draw; a new figure if not given.
        language: `en` or `ko`.

    Returns:
        A figure. To the right of each V the formula's own h² falls; to the left,
        subtraction loses a digit for each decade. Carried differences have no left.
    """
    say = speaker(language)
    with one(ax) as axes:
        axes.set_title(title or say("Error of the central difference for every step h"))
        axes.set_xlabel("h")
        axes.set_ylabel(say("error of the slopes, relative"))
        axes.set_xscale("log")
        axes.set_yscale("log")
        for name, steps, errors in curves:
            carried, double = "carried" in name, "64" in name
            axes.plot(
                steps,
                np.maximum(errors, 1e-17),
                color=BLUE if carried else ORANGE,
                linestyle="-" if not double else (0, (4, 1.6)),
                marker="o",
                markersize=4,
                markerfacecolor="white" if double else None,
                label=name,
            )
        axes.legend(loc="upper center", ncols=2)
        axes.set_ylim(top=axes.get_ylim()[1] * 300)
        return figure_of(axes)
