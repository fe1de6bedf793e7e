"""Checked gradients: where they are wrong."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from secant.plots.style import DARK, figure_of, one
from secant.plots.translations import cause, speaker

# Greys up to a tolerance, then orange to a dark red: a fault is seen before it is read.
_RIGHT_TO_WRONG = LinearSegmentedColormap.from_list(
    "right to wrong",
    [(0, "#f7f8fa"), (0.5, "#d3dae3"), (0.501, "#fdc994"), (1, "#8c1d04")],
)


def gradient_errors(
    off: np.ndarray,
    *,
    title: str = "",
    verdict: str = "",
    note: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """How wrong a gradient is, over the array that it is the gradient of.

    Args:
        off: How far claim and slope are apart, in units of the tolerance, of the leaf's
            shape; NaN where nothing was measured.
        title: A line above: what the array is called.
        verdict: What was found, behind the title: a `Verdict`.
        note: A second one, smaller: a text, or the `Cause` of a fault.
        ax: Where to draw; a new figure if not given.
        language: `en` or `ko`.

    Returns:
        A figure: a heat map, pale where all is well, dark where the gradient is wrong.
        Several axes after the first are laid side by side; of an array with more rows
        or columns than there are dots, each dot shows the worst that it covers.
    """
    say = speaker(language)
    with one(ax, (7.6, 4.4)) as axes:
        figure = figure_of(axes)
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
        bar.set_label(say("error, in units of the tolerance"))
        bar.ax.axhline(0, color="black", linewidth=1.2)
        axes.set_title(": ".join(filter(None, [title, verdict and say(verdict)])))
        if note:
            figure.supxlabel(cause(note, language), fontsize=9, color=DARK, wrap=True)
        axes.set_ylabel(say("index along axis 0") if off.ndim > 1 else "")
        axes.set_xlabel(_columns_of(off, say))
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


def _columns_of(values: np.ndarray, say: Callable[..., str]) -> str:
    if values.ndim < 2:
        return say("index")
    if values.ndim == 2:
        return say("index along axis 1")
    return say("axes 1 to {}, side by side", values.ndim - 1)


def _worst_of_blocks(grid: np.ndarray, most: int) -> np.ndarray:
    """The grid in at most `most` rows and columns; NaN only where all is NaN."""
    for axis in (0, 1):
        length = grid.shape[axis]
        if length > most:
            starts = np.linspace(0, length, most, endpoint=False).astype(int)
            grid = np.fmax.reduceat(grid, starts, axis=axis)
    return grid
