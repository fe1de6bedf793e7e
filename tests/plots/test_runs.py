"""Pictures: drawn without a display, and saying what was measured."""

import matplotlib as mpl
import numpy as np
import pytest

from secant import plots
from secant.history import Epoch, History


def history(steps, tested=True):
    test = (0.4, 0.85) if tested else (None, None)
    return History(
        np.linspace(2.3, 0.3, steps),
        (Epoch(0, 2.3, 0.1, *test), Epoch(steps, 0.3, 0.9, *test)),
    )


@pytest.mark.parametrize("steps", [0, 1, 2, 99, 1000])
def test_any_length_of_run_is_drawn(steps):
    figure = plots.training(history(steps), title="a run")
    figure.canvas.draw()
    loss, accuracy = figure.axes
    assert loss.get_xlabel() == accuracy.get_xlabel() == "step"
    assert loss.get_ylabel()
    assert accuracy.get_ylabel()


def test_an_empty_history_says_so():
    figure = plots.training(History(np.zeros(0), ()))
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts == ["no step was taken"] * 2


def test_the_last_accuracies_stand_in_the_legend():
    legend = plots.training(history(10)).axes[1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [
        "train: 90.0% at the end",
        "test: 85.0% at the end",
    ]
    legend = plots.training(history(10, tested=False)).axes[1].get_legend()
    assert len(legend.get_texts()) == 1


def test_the_users_own_style_is_left_alone():
    before = dict(mpl.rcParams)
    plots.training(history(10))
    assert dict(mpl.rcParams) == before
