"""Arrows point downhill and are as long as the gradient is steep."""

import numpy as np
import pytest
from matplotlib.quiver import Quiver

from secant import InvalidInput, plots


def arrows(figure):
    (found,) = (c for c in figure.axes[0].collections if isinstance(c, Quiver))
    return found.XY, np.c_[found.U, found.V]


def test_every_arrow_is_the_negative_gradient():
    figure = plots.gradient_field(
        lambda x: x[0] ** 2 + 3 * x[1], ((-1, 1), (0, 2)), arrows=5
    )
    places, downhill = arrows(figure)
    assert len(places) == 25
    np.testing.assert_allclose(downhill[:, 0], -2 * places[:, 0], atol=1e-8)
    np.testing.assert_allclose(downhill[:, 1], -3, atol=1e-8)


def test_no_arrow_where_there_is_no_gradient():
    figure = plots.gradient_field(
        lambda x: np.sqrt(x[0]) + x[1], ((-1, 1), (-1, 1)), arrows=4
    )
    places, _ = arrows(figure)
    assert len(places) == 8
    assert (places[:, 0] > 0).all()


def test_a_flat_function_is_drawn():
    places, downhill = arrows(plots.gradient_field(lambda x: 0 * x[0] + 1.0))
    assert len(places) == 17**2
    assert not downhill.any()


@pytest.mark.parametrize(
    ("f", "settings", "message"),
    [
        (lambda x: np.nan, {}, "no finite value"),
        (lambda x: x, {}, r"returned ndarray of shape \(2,\)"),
        (lambda x: x[0], {"bounds": ((0, 1), (1, 0))}, "bounds is"),
        (lambda x: x[0], {"bounds": 3}, "bounds is 3"),
        (lambda x: x[0], {"arrows": 1}, "arrows is 1"),
    ],
)
def test_bad_input_is_refused(f, settings, message):
    with pytest.raises(InvalidInput, match=message):
        plots.gradient_field(f, **settings)
