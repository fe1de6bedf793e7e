"""Runs: what loss and accuracy did, step by step."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from secant.history import History
from secant.plots.style import BLUE, GREEN, ORANGE, STYLE, count_along, say_empty


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
    count_along(axes)
    if not len(losses):
        say_empty(axes, "no step was taken")
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
    count_along(axes)
    if not history.epochs:
        say_empty(axes, "no step was taken")
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
