"""Pictures of searches: each trial stands where its settings are."""

import numpy as np
import pytest

from secant import InvalidInput, plots
from secant.plots.style import ORANGE

TRIED = [
    {"rate": 0.01, "kind": "b"},
    {"rate": 0.1, "kind": "a"},
    {"rate": 1.0, "kind": "b"},
    {"rate": 10.0, "kind": "a"},
]
SCORES = [0.5, 0.9, 0.8, 0.1]


def dots(ax):
    return sorted(
        (float(x), float(y))
        for line in ax.get_lines()
        if line.get_linestyle() == "None" and line.get_color() != ORANGE
        for x, y in zip(*line.get_data(), strict=True)
    )


def test_a_trial_is_drawn_at_its_setting_and_score():
    history, rate, kind = plots.search(TRIED, SCORES, log=["rate"]).axes
    assert rate.get_xscale() == "log"
    assert [x for x, _ in dots(rate)] == [0.01, 0.1, 1.0, 10.0]
    assert [y for _, y in dots(rate)][1:3] == [0.9, 0.8]
    assert [text.get_text() for text in kind.get_xticklabels()] == ["a", "b"]
    assert np.round([x for x, _ in dots(kind)]).tolist() == [0, 0, 1, 1]
    assert [x for x, _ in dots(history)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("maximize", "best"), [(True, [0.5, 0.9, 0.9, 0.9]), (False, [0.5, 0.5, 0.5, 0.1])]
)
def test_the_best_so_far_is_of_those_that_were_finished(maximize, best):
    figure = plots.search(TRIED, SCORES, maximize=maximize)
    (line,) = [
        each for each in figure.axes[0].get_lines() if each.get_linestyle() == "-"
    ]
    assert line.get_ydata().tolist() == best
    figure = plots.search(TRIED, SCORES, unfinished=[False, True, False, False])
    (line,) = [
        each for each in figure.axes[0].get_lines() if each.get_linestyle() == "-"
    ]
    assert line.get_ydata().tolist() == [0.5, 0.5, 0.8, 0.8]


def test_outliers_are_drawn_at_the_edge_and_do_not_change_the_scale():
    scores = [*np.linspace(0.9, 0.95, 39), -1e9]
    tried = [{"rate": 0.1 * (i + 1)} for i in range(40)]
    axes = plots.search(tried, scores).axes
    low, high = axes[0].get_ylim()
    assert 0.85 < low < high < 1.0
    assert dots(axes[0])[-1] == (39.0, low)


def test_a_search_of_which_nothing_was_finished_can_be_drawn():
    figure = plots.search(TRIED, [np.nan, 0.2, 0.1, 0.3], unfinished=[True] * 4)
    figure.canvas.draw()


@pytest.mark.parametrize(
    ("tried", "scores"),
    [([], []), ([{}], [1.0]), (TRIED, SCORES[:2])],
    ids=["empty", "no names", "fewer scores"],
)
def test_a_search_without_trials_is_refused(tried, scores):
    with pytest.raises(InvalidInput, match="one of each for every trial"):
        plots.search(tried, scores)
