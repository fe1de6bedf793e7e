"""Pictures of what people would rather look at than read.

Every function returns a Matplotlib `Figure`, drawn without a display. Matplotlib
is loaded when the first picture is drawn.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from secant.history import History

# Okabe & Ito's colours: told apart by everybody, also in grey.
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#8a8a8a"
COLORS = (BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9", "#e69f00", GREY)

# Whichever of these is installed draws Korean labels; naming an absent one would
# print a warning for every text.
_KOREAN = ("Noto Sans CJK KR", "Noto Sans CJK JP", "NanumGothic", "Malgun Gothic",
           "Apple SD Gothic Neo")  # fmt: skip
_INSTALLED = {font.name for font in fontManager.ttflist}

# Greys up to a tolerance, then orange to a dark red: a fault is seen before it is read.
_RIGHT_TO_WRONG = LinearSegmentedColormap.from_list(
    "right to wrong",
    [(0, "#f7f8fa"), (0.5, "#d3dae3"), (0.501, "#fdc994"), (1, "#8c1d04")],
)

STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans", *(name for name in _KOREAN if name in _INSTALLED)],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "figure.dpi": 110,
    "savefig.dpi": 150,
}


def training(history: History, *, title: str = "") -> Figure:
    """Loss and accuracy of a run, side by side.

    Args:
        history: Of the run.
        title: A line above both.

    Returns:
        A figure with two axes. The loss of single batches is drawn pale, their
        running mean strong; accuracy is drawn where it was measured.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        draw_loss(left, history.losses)
        draw_accuracy(right, history)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=10, color="#555555")
        return figure


def draw_loss(axes: Axes, losses: np.ndarray) -> None:
    """The loss of each step: single batches pale, their running mean strong."""
    axes.set_title("Loss")
    axes.set_xlabel("step")
    axes.set_ylabel("mean loss of the batch")
    _count_steps(axes)
    if not len(losses):
        _say_empty(axes)
        return
    steps = np.arange(len(losses))
    marker = "o" if len(losses) == 1 else None
    window = max(len(losses) // 100, 1)
    if window > 1:
        axes.plot(steps, losses, color=BLUE, alpha=0.18, linewidth=0.6, label="batch")
    smooth = np.convolve(losses, np.ones(window) / window, mode="valid")
    label = f"mean of {window}" if window > 1 else "batch"
    axes.plot(
        steps[window - 1 :],
        smooth,
        color=BLUE,
        linewidth=1.6,
        marker=marker,
        label=label,
    )
    axes.set_ylim(0, 1.06 * float(np.quantile(losses, 0.999)))
    axes.set_xlim(0, max(len(losses), 1))
    legend = axes.legend(loc="upper right")
    if window > 1:
        # A line this thin and pale cannot be seen in a legend.
        legend.get_lines()[0].set(linewidth=5, alpha=0.25)


def draw_accuracy(axes: Axes, history: History) -> None:
    """Accuracy on training and test samples wherever it was measured."""
    axes.set_title("Accuracy")
    axes.set_xlabel("step")
    axes.set_ylabel("share of samples that are right")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylim(0, 1)
    _count_steps(axes)
    if not history.epochs:
        _say_empty(axes)
        return
    steps = [epoch.step for epoch in history.epochs]
    marker = "o" if len(steps) <= 40 else None
    axes.set_xlim(0, max(steps[-1], 1))
    # Train and test often lie on one another: the wider line below shows both.
    trained = [epoch.train_accuracy for epoch in history.epochs]
    curves = [("train", ORANGE, 3.6, trained)]
    tested = [
        epoch.test_accuracy
        for epoch in history.epochs
        if epoch.test_accuracy is not None
    ]
    if len(tested) == len(steps):
        curves.append(("test", GREEN, 1.5, tested))
    for name, color, width, values in curves:
        axes.plot(
            steps,
            values,
            color=color,
            linewidth=width,
            marker=marker,
            markersize=width + 2,
            label=f"{name}: {values[-1]:.1%} at the end",
            clip_on=False,
        )
    axes.legend(loc="lower right")


def comparison(
    points: Sequence[tuple[str, float, float]], *, title: str = ""
) -> Figure:
    """What each gradient method costs against how wrong it is, both on log scales.

    Args:
        points: Name, seconds a step and relative error of each method.
        title: A line above.

    Returns:
        A figure with a point for each method: better is further down and left.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 4.8), layout="constrained")
        axes = figure.subplots()
        axes.set_title(title or "Cost and error of each way to the gradient")
        axes.set_xlabel("milliseconds a step")
        axes.set_ylabel("error, relative to backprop in float64")
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
        return figure


def error_curves(
    curves: Sequence[tuple[str, np.ndarray, np.ndarray]], *, title: str = ""
) -> Figure:
    """The error of a slope against the size of its step: the "V-curve".

    Args:
        curves: From `secant.comparison.error_curves`: name, steps and errors each.
        title: A line above.

    Returns:
        A figure. To the right of each V the formula's own h² falls; to the left,
        subtraction loses a digit for each decade. Carried differences have no left.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 4.8), layout="constrained")
        axes = figure.subplots()
        axes.set_title(title or "Error of the central difference for every step h")
        axes.set_xlabel("h")
        axes.set_ylabel("error of the slopes, relative")
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
        return figure


def gradient_errors(off: np.ndarray, *, title: str = "", note: str = "") -> Figure:
    """How wrong a gradient is, over the array that it is the gradient of.

    Args:
        off: How far claim and slope are apart, in units of the tolerance, of the leaf's
            shape; NaN where nothing was measured.
        title: A line above.
        note: A second one, smaller.

    Returns:
        A figure: a heat map, pale where all is well, dark where the gradient is wrong.
        Several axes after the first are laid side by side; of an array with more rows
        or columns than there are dots, each dot shows the worst that it covers.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 4.4), layout="constrained")
        axes = figure.subplots()
        grid = _worst_of_blocks(_as_grid(off), 400)
        values = np.log10(np.clip(grid, 1e-3, 1e3))
        colors = _RIGHT_TO_WRONG.with_extremes(bad="#9aa7b5")
        image = axes.imshow(
            values,
            cmap=colors,
            vmin=-3,
            vmax=3,
            aspect="auto",
            interpolation="nearest",
        )
        axes.grid(visible=False)
        bar = figure.colorbar(image, ax=axes)
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{10**v:g}"))
        bar.set_label("error, in units of the tolerance")
        bar.ax.axhline(0, color="black", linewidth=1.2)
        axes.set_title(title)
        if note:
            figure.supxlabel(note, fontsize=9, color="#555555", wrap=True)
        axes.set_ylabel("index along axis 0" if off.ndim > 1 else "")
        axes.set_xlabel(_columns_of(off))
        if grid.shape != _as_grid(off).shape:
            axes.set_xticks([])
            axes.set_yticks([])
        else:
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(integer=True))
            if off.ndim < 2:
                axes.set_yticks([])
        return figure


def _as_grid(values: np.ndarray) -> np.ndarray:
    """Two dimensions: the first axis down, all others across."""
    if values.ndim < 2:
        return values.reshape(1, -1)
    return values.reshape(len(values), -1)


def _columns_of(values: np.ndarray) -> str:
    if values.ndim < 2:
        return "index"
    if values.ndim == 2:
        return "index along axis 1"
    return f"axes 1 to {values.ndim - 1}, side by side"


def _worst_of_blocks(grid: np.ndarray, most: int) -> np.ndarray:
    """The grid in at most `most` rows and columns; NaN only where all is NaN."""
    for axis in (0, 1):
        length = grid.shape[axis]
        if length > most:
            starts = np.linspace(0, length, most, endpoint=False).astype(int)
            grid = np.fmax.reduceat(grid, starts, axis=axis)
    return grid


def _count_steps(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))


def _say_empty(axes: Axes) -> None:
    axes.text(
        0.5, 0.5, "no step was taken", ha="center", color=GREY, transform=axes.transAxes
    )
