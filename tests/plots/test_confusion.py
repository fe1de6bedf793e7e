"""The counts are the samples', rows true and columns answers."""

import numpy as np

from secant import MLP, plots
from secant.plots.samples import confusion_counts


def test_the_counts_stand_where_truth_and_answer_cross():
    net = MLP((3, 3), bias=False).replace({"W1": np.eye(3)})
    x, t = np.eye(3)[[0, 0, 1, 2, 2, 2]], [0, 1, 1, 2, 2, 0]
    axes = plots.confusion_matrix(net, x, t).axes[0]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    counts = [[cells[column, row] for column in range(3)] for row in range(3)]
    assert counts == [["1", "·", "1"], ["1", "1", "·"], ["·", "·", "2"]]
    assert axes.get_title("left").endswith("66.7% of 6 samples are right")
    assert axes.get_ylabel() == "true"


def test_the_diagonal_is_the_accuracy(run, digits):
    x, t = digits[1]
    counts = confusion_counts(run.net, x, t)
    assert np.trace(counts) / len(t) == run.net.accuracy(x, t)
    np.testing.assert_array_equal(counts.sum(axis=1), np.bincount(t, minlength=10))


def test_many_classes_are_drawn_without_counts():
    net = MLP((2, 40))
    axes = plots.confusion_matrix(net, np.eye(2), [0, 39]).axes[0]
    assert not axes.texts
    assert axes.images[0].get_array().shape == (40, 40, 4)
