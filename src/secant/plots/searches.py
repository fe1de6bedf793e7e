"""Searches: which settings were tried, and how good each was."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from secant.errors import InvalidInput
from secant.plots.style import BLUE, GREY, ORANGE, count_along, figure_of, several
from secant.plots.translations import speaker

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
    """The scores of a search, in their order and against each of the settings.

    Args:
        settings: What was tried: each has the same names, and numbers or words.
        scores: How good each was, in the same order.
        unfinished: Which were given up on their way; they are drawn as rings.
        maximize: Whether a high score is a good one.
        score: What the scores are.
        log: Names of settings that are drawn on a logarithmic scale.
        axes: One more than there are names, to draw into; a new figure if not given.
        language: `en` or `ko`.

    Returns:
        A figure: first each score and the best so far, then a picture for each name.
        The best is orange in all of them; what is far off lies on their edge.

    Raises:
        InvalidInput: There is nothing to draw, or there are not as many settings as
            scores.

    Example:
        >>> tried = [{"rate": 0.1, "kind": "a"}, {"rate": 0.3, "kind": "b"}]
        >>> [ax.get_xlabel() for ax in search(tried, [0.7, 0.9]).axes]
        ['trial', 'rate', 'kind']
    """
    say = speaker(language)
    values = np.asarray(scores, np.float64)
    pale = np.zeros(len(values), bool) if unfinished is None else np.array(unfinished)
    names = list(settings[0]) if len(settings) else []
    if not names or len(settings) != len(values) or len(pale) != len(values):
        raise InvalidInput(
            f"there are {len(settings)} settings, {len(values)} scores and "
            f"{len(pale)} marks: pass one of each for every trial, at least one, with "
            "at least one name"
        )
    done = np.where(pale, np.nan, values)
    sign = 1 if maximize else -1
    best = int(np.nanargmax(sign * done)) if not pale.all() else None
    count = len(names) + 1
    columns = 2 if count in (2, 4) else _COLUMNS
    size = (3.4 * columns, 2.9 * -(-count // columns))
    with several(axes, count, size, columns) as (first, *rest):
        low, high = _span(values[~pale] if not pale.all() else values, sign)
        # What is far off would flatten the rest: it lies on the edge.
        off = ~((values >= low) & (values <= high))
        heights = np.clip(np.where(np.isnan(values), -sign * np.inf, values), low, high)
        kinds = [
            (say("given up"), pale & ~off, {"c": GREY, "mfc": "none", "marker": "o"}),
            (say("far off"), off, {"c": GREY, "marker": "v" if sign > 0 else "^"}),
            ("", ~pale & ~off, {"c": BLUE, "marker": "o", "alpha": 0.7}),
        ]
        _history(first, done, sign, say)
        for place, name in enumerate(names):
            ax = rest[place]
            ax.set_xlabel(name)
            found = [each.get(name) for each in settings]
            _dots(ax, _along(ax, found, name in log), heights, kinds, best)
        _dots(first, np.arange(len(values)), heights, kinds, best)
        for place, ax in enumerate([first, *rest]):
            ax.set_ylim(low, high)
            if place % columns == 0 or axes is not None:
                ax.set_ylabel(score)
            else:
                ax.tick_params(labelleft=False)
        # Above, where no trial can lie beneath it.
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


def _history(ax: Axes, done: np.ndarray, sign: int, say: Any) -> None:
    ax.set_xlabel(say("trial"))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    count_along(ax)
    best = sign * np.fmax.accumulate(sign * done)
    ax.step(
        np.arange(len(done)),
        best,
        where="post",
        color=ORANGE,
        linewidth=1.4,
        label=say("best so far"),
    )


def _dots(
    ax: Axes, x: np.ndarray, y: np.ndarray, kinds: list[Any], best: int | None
) -> None:
    for label, which, look in kinds:
        if which.any():
            ax.plot(x[which], y[which], linestyle="", markersize=4.5, clip_on=False,
                    label=label or None, **look)  # fmt: skip
    if best is not None:
        ax.plot(x[best], y[best], "o", color=ORANGE, markersize=7)


def _along(ax: Axes, found: list[Any], log: bool) -> np.ndarray:
    """Where the settings stand along x."""
    if all(isinstance(each, int | float) for each in found):
        if log:
            ax.set_xscale("log")
            near = max(found) < 100 * min(found)
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if near else (1,)))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.xaxis.set_minor_formatter(NullFormatter())
        return np.asarray(found, np.float64)
    words = sorted({str(each) for each in found})
    ax.set_xticks(range(len(words)), words)
    ax.set_xlim(-0.5, len(words) - 0.5)
    # Side by side in their order, so that none covers another.
    beside = 0.5 * (np.arange(len(found)) / max(len(found) - 1, 1) - 0.5)
    return np.array([words.index(str(each)) for each in found]) + beside


def _span(values: np.ndarray, sign: int) -> tuple[float, float]:
    """From the best to the worst, but for the worst tenth, which may be far off."""
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
