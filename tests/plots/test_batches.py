"""Batches scatter around the loss of all samples, as σ/√n says."""

import numpy as np
import pytest

from secant import InvalidInput, plots
from secant.plots.batches import sample_losses


def clouds(figure):
    return [
        line.get_ydata() for line in figure.axes[0].lines if line.get_marker() == "o"
    ]


def test_the_mean_of_the_samples_losses_is_the_loss(run, digits):
    x, t = digits[0]
    losses = sample_losses(run.net, x, t)
    assert losses.shape == (500,)
    assert losses.mean() == pytest.approx(float(run.net.loss(x, t)), rel=1e-5)
    assert losses[3] == pytest.approx(float(run.net.loss(x[3], t[3])), rel=1e-4)


def test_a_batch_is_drawn_with_the_loss_that_the_network_has_on_it(run, digits):
    x, t = digits[0]
    figure = plots.batch_losses(run.net, x, t, sizes=(4,), draws=3, seed=5)
    rows = np.random.default_rng(5).integers(500, size=(3, 4))
    expected = [float(run.net.loss(x[each], t[each])) for each in rows]
    np.testing.assert_allclose(clouds(figure)[0], expected, rtol=1e-5)


def test_the_scatter_falls_with_the_root_of_the_size(run, digits):
    figure = plots.batch_losses(run.net, *digits[0], sizes=(1, 100), draws=400)
    one, hundred = clouds(figure)
    assert 7 < one.std() / hundred.std() < 14
    losses = sample_losses(run.net, *digits[0])
    level = next(line for line in figure.axes[0].lines if line.get_marker() != "o")
    assert set(level.get_ydata()) == {losses.mean()}


@pytest.mark.parametrize(
    "settings", [{"sizes": ()}, {"sizes": (0, 1)}, {"sizes": (1.5,)}, {"draws": 0}]
)
def test_sizes_that_cannot_be_are_refused(run, digits, settings):
    with pytest.raises(
        InvalidInput, match=r"(sizes|draws) is .*whole number, 1 or above"
    ):
        plots.batch_losses(run.net, *digits[0], **settings)
