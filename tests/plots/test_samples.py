"""Answers, certainties and mistakes are the network's own."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from secant import MLP, InvalidInput, plots


@pytest.fixture
def copying():
    """A network of four inputs whose answer is where the largest one stands."""
    return MLP((4, 4), bias=False).replace({"W1": np.eye(4)})


def captions(figure):
    return [
        (text.get_text(), to_hex(text.get_color())) for text in figure.axes[0].texts
    ]


def softmax(x):
    return np.exp(x).max() / np.exp(x).sum()


def test_right_answers_are_blue_and_wrong_ones_orange_with_the_right(copying):
    x = np.array([[3.0, 0, 0, 0], [0, 2, 0, 0]])
    figure = plots.predictions(copying, x, [0, 3])
    assert captions(figure) == [
        (f"0, {softmax(x[0]):.0%}", plots.BLUE),
        (f"1, {softmax(x[1]):.0%} (3)", plots.ORANGE),
    ]
    sheet = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(sheet[:2, :2], x[0].reshape(2, 2))


def test_the_most_certain_mistake_comes_first(copying):
    x = np.diag([1.0, 5.0, 3.0, 4.0])
    figure = plots.confident_mistakes(copying, x, [1, 0, 2, 1], count=2)
    assert [text.split(",")[0] for text, _ in captions(figure)] == ["1", "3"]
    assert [text[-3:] for text, _ in captions(figure)] == ["(0)", "(1)"]


def test_a_picture_without_mistakes_is_labelled(copying):
    figure = plots.confident_mistakes(copying, np.eye(4), [0, 1, 2, 3])
    assert captions(figure)[0][0] == "no mistake among 4 samples"


def test_one_hot_targets_and_networks_of_sums_are_drawn():
    net = MLP((4, 4), loss="sum_squares", bias=False).replace({"W1": np.eye(4)})
    figure = plots.predictions(net, np.eye(4) * 7, np.eye(4), count=2)
    assert [text for text, _ in captions(figure)] == ["0, 7", "1, 7"]


@pytest.mark.parametrize("picture", [plots.predictions, plots.confident_mistakes])
@pytest.mark.parametrize(
    ("settings", "message"),
    [({"count": 0}, "count is 0"), ({"columns": 0}, "columns is 0"),
     ({"shape": (3, 3)}, "not 3 × 3")],
)  # fmt: skip
def test_bad_settings_are_refused(copying, picture, settings, message):
    with pytest.raises(InvalidInput, match=message):
        picture(copying, np.eye(4), [1, 2, 3, 0], **settings)
