"""Learning curves: loss and accuracy of runs, step by step."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from secant.errors import InvalidInput
from secant.history import Epoch, History
from secant.plots.style import (
    BLUE,
    COLORS,
    DARK,
    GREEN,
    ORANGE,
    PURPLE,
    figure_of,
    format_counts,
    multiple_axes,
    write_message,
)
from secant.plots.translations import translator


def training(
    history: History,
    *,
    title: str = "",
    axes: Any = None,
    language: str = "en",
) -> Figure:
    """Loss and accuracy of a run, side by side.

    Args:
        history: The run's history.
        title: A title above both.
        axes: Two axes to draw into; a new figure by default.
        language: `en` or `ko`.

    Returns:
        A figure with two axes. The losses of single batches are pale, their running
        mean is bold, and the loss on validation samples has its own line. The accuracy
        is drawn at the steps where it was measured.

    Raises:
        InvalidInput: No loss is a finite number.
    """
    with multiple_axes(axes, 2, (9.6, 3.8)) as (left, right):
        draw_loss(left, history.losses, history.epochs, language=language)
        draw_accuracy(right, history, language=language)
        figure = figure_of(left)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=10, color=DARK)
        return figure


def training_runs(
    runs: Mapping[str, Any], *, axes: Any = None, language: str = "en"
) -> Figure:
    """Loss and accuracy of several runs, in the same two axes.

    Args:
        runs: A dict of names and runs or their histories.
        axes: Two axes to draw into; a new figure by default.
        language: `en` or `ko`.

    Returns:
        A figure with two axes: the running mean of each run's loss over a hundredth
        of the longest run; and the accuracy on test samples, or on training samples
        if a run has no test samples.

    Raises:
        InvalidInput: `runs` is empty or holds something else; or no loss is finite.

    Example:
        >>> from secant import MLP, fit
        >>> net, data = MLP((2, 4, 2)), ([[0.0, 1.0], [1.0, 0.0]], [0, 1])
        >>> runs = {"few": fit(net, data, iterations=5, batch_size=2)}
        >>> [ax.get_title("left") for ax in training_runs(runs).axes]
        ['Loss', 'Accuracy on training samples']
    """
    tr, histories = translator(language), _histories(runs)
    window = max(max(len(each.losses) for each in histories.values()) // 100, 1)
    tested = all(
        epoch.test_accuracy is not None
        for history in histories.values()
        for epoch in history.epochs
    )
    with multiple_axes(axes, 2, (9.6, 3.8)) as (left, right):
        left.set_title(
            tr("Loss, mean of {} steps", window) if window > 1 else tr("Loss")
        )
        right.set_title(
            tr("Accuracy on test samples" if tested else "Accuracy on training samples")
        )
        _label_loss(left, language)
        _label_accuracy(right, language)
        highest = 0.0
        for (name, history), color in zip(
            histories.items(), itertools.cycle(COLORS), strict=False
        ):
            if len(history.losses):
                steps, means = _running_mean(
                    history.losses, min(window, len(history.losses))
                )
                left.plot(steps, means, color=color, linewidth=1.5, label=name)
                highest = max(highest, _top(history.losses))
            scores = [
                float(each)
                for epoch in history.epochs
                if (each := epoch.test_accuracy if tested else epoch.train_accuracy)
                is not None
            ]
            steps = [epoch.step for epoch in history.epochs]
            last = f"{name}: {scores[-1]:.1%}" if scores else name
            right.plot(steps, scores, color=color, linewidth=1.8, marker="o",
                       markersize=4 if len(steps) <= 40 else 0, label=last,
                       clip_on=False)  # fmt: skip
        longest = max(len(history.losses) for history in histories.values())
        for ax in (left, right):
            ax.set_xlim(0, max(longest, 1))
        left.set_ylim(0, highest or 1.0)
        left.legend(loc="best")
        right.legend(loc="lower right")
        return figure_of(left)


def draw_loss(
    axes: Axes,
    losses: np.ndarray,
    epochs: Sequence[Epoch] = (),
    *,
    language: str = "en",
) -> None:
    """Draw the loss of each step: single batches pale, their running mean bold.

    If `epochs` have a loss on validation samples, it is drawn, too.
    """
    tr = translator(language)
    axes.set_title(tr("Loss"))
    _label_loss(axes, language)
    if not len(losses):
        write_message(axes, tr("no step was taken"))
        return
    marker = "o" if len(losses) == 1 else None
    window = max(len(losses) // 100, 1)
    if window > 1:
        axes.plot(
            np.arange(len(losses)),
            losses,
            color=BLUE,
            alpha=0.18,
            linewidth=0.6,
            label=tr("batch"),
        )
    steps, means = _running_mean(losses, window)
    axes.plot(
        steps,
        means,
        color=BLUE,
        linewidth=1.6,
        marker=marker,
        label=tr("mean of {}", window) if window > 1 else tr("batch"),
    )
    highest = _top(losses)
    steps, validation_losses = _measured(epochs, "validation_loss")
    if validation_losses:
        axes.plot(
            steps,
            validation_losses,
            color=PURPLE,
            linewidth=1.6,
            marker=_marker(steps),
            markersize=4,
            label=tr("validation"),
        )
        highest = max(highest, _top(np.array(validation_losses)))
    axes.set_ylim(0, highest)
    axes.set_xlim(0, max(len(losses), 1))
    legend = axes.legend(loc="upper right")
    if window > 1:
        # The thin, pale line would be invisible in the legend.
        legend.get_lines()[0].set(linewidth=5, alpha=0.25)


def draw_accuracy(axes: Axes, history: History, *, language: str = "en") -> None:
    """Draw the accuracy on training, validation and test samples."""
    tr = translator(language)
    axes.set_title(tr("Accuracy"))
    _label_accuracy(axes, language)
    if not history.epochs:
        write_message(axes, tr("no step was taken"))
        return
    axes.set_xlim(0, max(history.epochs[-1].step, 1))
    # The curves often coincide: a wider line below stays visible.
    for name, color, width in (
        ("train", ORANGE, 3.6),
        ("validation", PURPLE, 2.4),
        ("test", GREEN, 1.4),
    ):
        steps, values = _measured(history.epochs, f"{name}_accuracy")
        if not values:
            continue
        axes.plot(
            steps,
            values,
            color=color,
            linewidth=width,
            marker=_marker(steps),
            markersize=width + 2,
            label=tr("{}: {:.1%} at the end", tr(name), values[-1]),
            clip_on=False,
        )
    axes.legend(loc="lower right")


def _measured(epochs: Sequence[Epoch], quantity: str) -> tuple[list[int], list[float]]:
    """The steps at which a quantity was measured, and its values."""
    found = [(epoch.step, getattr(epoch, quantity)) for epoch in epochs]
    measured = [(step, value) for step, value in found if value is not None]
    return [step for step, _ in measured], [value for _, value in measured]


def _marker(steps: list[int]) -> str | None:
    return "o" if len(steps) <= 40 else None


def _label_loss(ax: Axes, language: str) -> None:
    tr = translator(language)
    ax.set_xlabel(tr("step"))
    ax.set_ylabel(tr("mean loss of the batch"))
    format_counts(ax)


def _label_accuracy(ax: Axes, language: str) -> None:
    tr = translator(language)
    ax.set_xlabel(tr("step"))
    ax.set_ylabel(tr("share of samples that are right"))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_ylim(0, 1)
    format_counts(ax)


def _running_mean(losses: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and the means of the last `window` losses at each step."""
    means = np.convolve(losses, np.ones(window) / window, mode="valid")
    return np.arange(window - 1, len(losses)), means


def _top(losses: np.ndarray) -> float:
    """The upper limit of the axis; the largest thousandth of the losses may exceed it.

    A few huge losses would otherwise flatten the curve.
    """
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        raise InvalidInput(
            f"none of {len(losses):,} losses is a finite number: train with a "
            "smaller learning rate"
        )
    return 1.06 * float(np.quantile(finite, 0.999)) or 1.0


def _histories(runs: Any) -> dict[str, History]:
    if not isinstance(runs, Mapping) or not runs:
        raise InvalidInput(
            f"runs is {type(runs).__name__} of {len(runs) if runs else 0}: pass a dict "
            'of names and runs, {"backprop": run, …}'
        )
    histories = {str(name): getattr(run, "history", run) for name, run in runs.items()}
    for name, history in histories.items():
        if not isinstance(history, History):
            raise InvalidInput(
                f"runs[{name!r}] is {type(history).__name__}: pass what secant.fit "
                "returned, or its history"
            )
    return histories
