"""Every method side by side, and the error of every size of step."""

import numpy as np
import pytest

from secant import MLP, InvalidInput, plots
from secant.comparison import compare, error_curves, methods

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def case():
    draw = np.random.default_rng(0)
    net = MLP((6, 5, 3), init="xavier", seed=1)
    return net, draw.standard_normal((8, 6)), draw.integers(3, size=8)


@pytest.fixture(scope="module")
def rows(case):
    told = []
    found = {row.name: row for row in compare(*case, tell=told.append)}
    assert told == list(found) == [name for name, _ in methods()]
    return found


def test_all_but_random_directions_find_the_gradient(rows):
    for name in ("definition", "weight", "node", "backprop"):
        assert rows[name].error < 1e-6
        assert rows[name].cosine == pytest.approx(1)


def test_more_directions_come_nearer(rows):
    """The error is about √(p / k) of p = 53 parameters, the cosine 1 / √(1 + p / k)."""
    assert rows["spsa, k = 100"].error < rows["spsa, k = 1"].error
    assert rows["spsa, k = 100"].error == pytest.approx(np.sqrt(53 / 100), rel=0.4)
    assert rows["spsa, k = 100"].cosine > 0.6


def test_each_method_has_its_cost(rows):
    assert all(row.seconds > 0 for row in rows.values())
    assert rows["definition"].evaluations == 107
    assert rows["weight"].evaluations == rows["node"].evaluations == 17
    assert rows["spsa, k = 10"].evaluations == 21
    assert rows["backprop"].evaluations is None


def test_propagated_differences_have_no_step_that_is_too_small(case):
    net, x, t = case
    h = np.array([1e-2, 1e-5, 1e-8, 1e-12])
    curves = error_curves(net.architecture, net.params, x, t, steps=h)
    errors = {curve.name: curve.errors for curve in curves}
    assert (errors["propagated, float32"][1:] < 1e-6).all()
    assert (errors["propagated, float64"][2:] < 1e-14).all()
    assert errors["subtracted, float32"][2] > 0.1
    assert errors["subtracted, float64"][3] > 1e-6
    # At h = 1e-2 all that is left is the formula's own error.
    assert errors["propagated, float64"][0] == pytest.approx(
        errors["subtracted, float64"][0], rel=1e-6
    )


def test_a_batch_of_another_network_is_refused(case):
    net, x, t = case
    with pytest.raises(InvalidInput, match="takes 6 numbers"):
        compare(net, x[:, :4], t)


def test_both_pictures_are_drawn(case, tmp_path):
    points = [("a", 1e-3, 1e-7), ("b", 2e-3, 0.0), ("c", 3.0, 40.0)]
    curves = [("propagated, float32", np.array([1e-2, 1e-4]), np.array([1e-5, 0.0]))]
    for name, figure in (
        ("points", plots.comparison(points)),
        ("curves", plots.error_curves(curves)),
    ):
        figure.savefig(tmp_path / f"{name}.png")
        assert all(axes.get_title(loc="left") for axes in figure.axes)
    labels = [text.get_text() for text in plots.comparison(points).axes[0].texts]
    assert labels == ["a", "b", "c"]
