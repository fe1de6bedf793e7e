"""Pictures: drawn without a display, and saying what was measured."""

import numpy as np
import pytest

from secant import InvalidInput, plots
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


def test_an_empty_history_is_labelled():
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


def test_validation_is_drawn_where_it_was_measured():
    held = History(
        np.linspace(2.3, 0.3, 20),
        tuple(
            Epoch(step, 1.0, 0.5, 1.0, 0.6, loss, 0.7)
            for step, loss in ((0, 2.4), (10, 0.9), (20, 1.1))
        ),
    )
    loss, accuracy = plots.training(held).axes
    (line,) = (line for line in loss.lines if line.get_label() == "validation")
    np.testing.assert_array_equal(line.get_xydata(), [[0, 2.4], [10, 0.9], [20, 1.1]])
    assert loss.get_ylim()[1] > 2.4
    assert [line.get_ydata()[-1] for line in accuracy.lines] == [0.5, 0.7, 0.6]


def test_losses_that_are_nowhere_finite_are_refused():
    with pytest.raises(InvalidInput, match="none of 5 losses is a finite number"):
        plots.training(History(np.full(5, np.nan), ()))


def test_several_runs_share_two_axes():
    runs = {"long": history(1000), "short": history(10)}
    loss, accuracy = plots.training_runs(runs).axes
    long, short = (line.get_xydata() for line in loss.lines)
    np.testing.assert_allclose(long[0], [9, runs["long"].losses[:10].mean()])
    np.testing.assert_allclose(short[-1], [9, runs["short"].losses.mean()])
    assert loss.get_xlim() == (0, 1000)
    assert [line.get_ydata()[-1] for line in accuracy.lines] == [0.85, 0.85]
    assert accuracy.get_title("left") == "Accuracy on test samples"


def test_runs_without_a_test_are_compared_on_training_samples():
    runs = {"a": history(10), "b": history(10, tested=False)}
    accuracy = plots.training_runs(runs).axes[1]
    assert [line.get_ydata()[-1] for line in accuracy.lines] == [0.9, 0.9]


@pytest.mark.parametrize(
    ("runs", "message"), [({}, "runs is dict of 0"), ({"a": 3}, r"runs\['a'\] is int")]
)
def test_objects_that_are_no_runs_are_refused(runs, message):
    with pytest.raises(InvalidInput, match=message):
        plots.training_runs(runs)
