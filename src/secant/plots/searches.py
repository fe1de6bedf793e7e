"""Hyperparameter searches: the scores of trials against their settings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from secant.errors import InvalidInput
from secant.plots.style import (
    BLUE,
    GREY,
    ORANGE,
    figure_of,
    format_counts,
    multiple_axes,
)
from secant.plots.translations import translator

_COLUMNS = 3


def search(
    settings: Sequence[Mapping[str, Any]],
    scores: Sequence[float],
    *,
    unfinished: Sequence[bool] | None = None,
    maximize: bool = True,
    score: str = "accuracy",
    log: Sequence[str] = (),
    axes: Any = None,
    language: str = "en",
) -> Figure:
    """The scores of a search, in their order and against each setting.

    Args:
        settings: The settings of each trial: equal names, and numbers or words.
        scores: The score of each trial.
        unfinished: Whether each trial was pruned; pruned trials are rings.
        maximize: Whether a high score is good.
        score: The name of the score.
        log: Names of settings that get a logarithmic scale.
        axes: Axes to draw into, one more than there are names; a new figure by
            default.
        language: `en` or `ko`.

    Returns:
        A figure: first each score and the best so far, then a picture for each name.
        The best trial is orange in all of them; outliers lie on their edge.

    Raises:
        InvalidInput: There is nothing to draw, or settings and scores differ in
            number.

    Example:
        >>> tried = [{"rate": 0.1, "kind": "a"}, {"rate": 0.3, "kind": "b"}]
        >>> [ax.get_xlabel() for ax in search(tried, [0.7, 0.9]).axes]
        ['trial', 'rate', 'kind']
    """
    tr = translator(language)
    values = np.asarray(scores, np.float64)
    pruned = np.zeros(len(values), bool) if unfinished is None else np.array(unfinished)
    names = list(settings[0]) if len(settings) else []
    if not names or len(settings) != len(values) or len(pruned) != len(values):
        raise InvalidInput(
            f"there are {len(settings)} settings, {len(values)} scores and "
            f"{len(pruned)} entries of unfinished: pass one of each for every trial, "
            "at least one, with at least one name"
        )
    done = np.where(pruned, np.nan, values)
    sign = 1 if maximize else -1
    best = int(np.nanargmax(sign * done)) if not pruned.all() else None
    count = len(names) + 1
    columns = 2 if count in (2, 4) else _COLUMNS
    size = (3.4 * columns, 2.9 * -(-count // columns))
    with multiple_axes(axes, count, size, columns) as (first, *rest):
        low, high = _score_limits(values[~pruned] if not pruned.all() else values, sign)
        # Outliers would flatten the rest, so they lie on the edge.
        outlier = ~((values >= low) & (values <= high))
        heights = np.clip(np.where(np.isnan(values), -sign * np.inf, values), low, high)
        ring = {"c": GREY, "mfc": "none", "marker": "o"}
        groups = [
            (tr("pruned"), pruned & ~outlier, ring),
            (tr("outlier"), outlier, {"c": GREY, "marker": "v" if sign > 0 else "^"}),
            ("", ~pruned & ~outlier, {"c": BLUE, "marker": "o", "alpha": 0.7}),
        ]
        _draw_best_so_far(first, done, sign, tr)
        for ax, name in zip(rest, names, strict=True):
            ax.set_xlabel(name)
            found = [each.get(name) for each in settings]
            x = _x_positions(ax, found, name in log)
            _draw_trials(ax, x, heights, groups, best)
        _draw_trials(first, np.arange(len(values)), heights, groups, best)
        for number, ax in enumerate([first, *rest]):
            ax.set_ylim(low, high)
            if number % columns == 0 or axes is not None:
                ax.set_ylabel(score)
            else:
                ax.tick_params(labelleft=False)
        # Above the axes, where it hides no trial.
        first.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=3,
            fontsize=8,
            borderpad=0,
            handletextpad=0.4,
            columnspacing=1.0,
        )
        return figure_of(first)


def _draw_best_so_far(ax: Axes, done: np.ndarray, sign: int, tr: Any) -> None:
    ax.set_xlabel(tr("trial"))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    format_counts(ax)
    best = sign * np.fmax.accumulate(sign * done)
    ax.step(
        np.arange(len(done)),
        best,
        where="post",
        color=ORANGE,
        linewidth=1.4,
        label=tr("best so far"),
    )


def _draw_trials(
    ax: Axes, x: np.ndarray, y: np.ndarray, groups: list[Any], best: int | None
) -> None:
    for label, mask, style in groups:
        if mask.any():
            ax.plot(x[mask], y[mask], linestyle="", markersize=4.5, clip_on=False,
                    label=label or None, **style)  # fmt: skip
    if best is not None:
        ax.plot(x[best], y[best], "o", color=ORANGE, markersize=7)


def _x_positions(ax: Axes, found: list[Any], log: bool) -> np.ndarray:
    """The x coordinates of the settings' values; sets the axis up for them."""
    if all(isinstance(each, int | float) for each in found):
        if log:
            ax.set_xscale("log")
            narrow = max(found) < 100 * min(found)
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.xaxis.set_minor_formatter(NullFormatter())
        return np.asarray(found, np.float64)
    words = sorted({str(each) for each in found})
    ax.set_xticks(range(len(words)), words)
    ax.set_xlim(-0.5, len(words) - 0.5)
    # Offsets in the order of the trials, so that none covers another.
    offsets = 0.5 * (np.arange(len(found)) / max(len(found) - 1, 1) - 0.5)
    return np.array([words.index(str(each)) for each in found]) + offsets


def _score_limits(values: np.ndarray, sign: int) -> tuple[float, float]:
    """The limits of the scores without the worst tenth, which may be outliers."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    ends = [
        float(np.max(sign * finite)),
        float(np.quantile(sign * finite, 0.1)),
    ]
    margin = 0.08 * (ends[0] - ends[1]) or 0.05 * abs(ends[0]) or 1.0
    low, high = sorted((sign * (ends[0] + margin), sign * (ends[1] - margin)))
    return low, high
