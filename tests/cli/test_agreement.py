"""The comparison of gradients with backprop, which detects errors."""

from dataclasses import replace

import numpy as np
import pytest

from secant import MLP, fit
from secant.cli.agreement import Agreement
from secant.nn.gradients import find_method


def worst_of(method, loss="cross_entropy"):
    agreement = Agreement(method)
    draw = np.random.default_rng(0)
    data = draw.random((20, 4), np.float32), draw.integers(0, 3, 20)
    net = MLP((4, 5, 3), "tanh", loss, init="xavier")
    fit(net, data, agreement.method, iterations=3, batch_size=5)
    return agreement.worst


@pytest.mark.parametrize("loss", ["cross_entropy", "sum_squares"])
def test_the_definition_agrees(loss):
    assert 0 < worst_of(find_method("definition"), loss) < 1e-7


def test_an_error_of_one_in_a_thousand_is_detected():
    right = find_method("definition")

    def wrong(*arguments, **options):
        loss, gradients = right.function(*arguments, **options)
        return loss, {name: 1.001 * g for name, g in gradients.items()}

    assert worst_of(replace(right, function=wrong)) == pytest.approx(1e-3, rel=1e-3)


def test_the_comparison_does_not_change_the_run():
    net, data = MLP((2, 3, 2)), (np.eye(2), [0, 1])
    runs = [
        fit(net, data, method, iterations=4, batch_size=2)
        for method in ("definition", Agreement(find_method("definition")).method)
    ]
    np.testing.assert_array_equal(runs[0].losses, runs[1].losses)
    assert runs[0].settings == runs[1].settings


@pytest.mark.filterwarnings("ignore::secant.TrainingWarning")
def test_a_zero_gradient_agrees_with_zero():
    agreement = Agreement(find_method("definition"))
    data = np.ones((4, 2)), np.zeros(4, int)
    fit(MLP((2, 1)), data, agreement.method, iterations=1, batch_size=2)
    assert agreement.worst == 0
