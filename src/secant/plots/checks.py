"""Heat maps of the errors of a checked gradient."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from secant.plots.style import DARK, figure_of, single_axes
from secant.plots.translations import cause_text, translator

# Grey up to the tolerance, then orange to dark red, so that a fault stands out.
_RIGHT_TO_WRONG = LinearSegmentedColormap.from_list(
    "right to wrong",
    [(0, "#f7f8fa"), (0.5, "#d3dae3"), (0.501, "#fdc994"), (1, "#8c1d04")],
)


def gradient_errors(
    errors: np.ndarray,
    *,
    title: str = "",
    verdict: str = "",
    note: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """A heat map of a gradient's errors over the array of its parameters.

    Args:
        errors: |gradient − slope| in units of the tolerance, of the leaf's shape; NaN
            for entries that were not measured.
        title: The title: the array's name.
        verdict: A `Verdict`, written after the title.
        note: A smaller line below: a text, or the `Cause` of a fault.
        ax: The axes to draw into; a new figure by default.
        language: `en` or `ko`.

    Returns:
        A figure: a heat map, pale where the gradient is right and dark where it is
        wrong. Axes after the first are laid side by side. If the array has more rows
        or columns than the figure has dots, each dot shows the largest error that it
        covers.
    """
    tr = translator(language)
    with single_axes(ax, (7.6, 4.4)) as axes:
        figure = figure_of(axes)
        grid = _max_pooled(_as_grid(errors), 400)
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
        bar.set_label(tr("error, in units of the tolerance"))
        bar.ax.axhline(0, color="black", linewidth=1.2)
        axes.set_title(": ".join(filter(None, [title, verdict and tr(verdict)])))
        if note:
            figure.supxlabel(
                cause_text(note, language), fontsize=9, color=DARK, wrap=True
            )
        axes.set_ylabel(tr("index along axis 0") if errors.ndim > 1 else "")
        axes.set_xlabel(_columns_of(errors, tr))
        if grid.shape != _as_grid(errors).shape:
            axes.set_xticks([])
            axes.set_yticks([])
        else:
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(integer=True))
            if errors.ndim < 2:
                axes.set_yticks([])
        return figure


def _as_grid(values: np.ndarray) -> np.ndarray:
    """A matrix: the first axis vertical, all others horizontal."""
    if values.ndim < 2:
        return values.reshape(1, -1)
    return values.reshape(len(values), -1)


def _columns_of(values: np.ndarray, tr: Callable[..., str]) -> str:
    if values.ndim < 2:
        return tr("index")
    if values.ndim == 2:
        return tr("index along axis 1")
    return tr("axes 1 to {}, side by side", values.ndim - 1)


def _max_pooled(grid: np.ndarray, limit: int) -> np.ndarray:
    """The grid with at most `limit` rows and columns; NaN only where all is NaN."""
    for axis in (0, 1):
        length = grid.shape[axis]
        if length > limit:
            starts = np.linspace(0, length, limit, endpoint=False).astype(int)
            grid = np.fmax.reduceat(grid, starts, axis=axis)
    return grid
