"""The secant goes through its two points, and the tangent has the slope."""

import math

import numpy as np
import pytest

from secant import InvalidInput, plots


def lines(figure):
    return {line.get_label().split(":")[0].split(",")[0]: line.get_xydata()
            for line in figure.axes[0].lines}  # fmt: skip


def slope(points):
    return (points[-1, 1] - points[0, 1]) / (points[-1, 0] - points[0, 0])


def test_the_secant_goes_through_both_nudges_and_the_tangent_touches():
    drawn = lines(plots.secant_and_tangent(np.exp, 1.0, h=0.5))
    secant, tangent = drawn["secant"], drawn["tangent"]
    assert slope(secant) == pytest.approx((math.exp(1.5) - math.exp(0.5)) / 1.0)
    assert slope(tangent) == pytest.approx(math.e, rel=1e-7)
    for x in (0.5, 1.5):
        assert np.interp(x, *secant.T) == pytest.approx(math.exp(x))
    assert np.interp(1.0, *tangent.T) == pytest.approx(math.e)


def test_the_legend_has_both_slopes():
    figure = plots.secant_and_tangent(lambda x: x**3, 1.0, h=1.0)
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["f", "tangent: slope 3", "secant, h = 1: slope 4"]


def test_where_the_function_has_no_value_there_is_a_gap():
    curve = lines(plots.secant_and_tangent(math.log, 1.0, h=0.5))["f"]
    assert np.isnan(curve[curve[:, 0] <= 0, 1]).all()
    assert np.isfinite(curve[curve[:, 0] > 0, 1]).all()


def test_a_tangent_that_is_steep_does_not_flatten_the_curve():
    figure = plots.secant_and_tangent(lambda x: math.tanh(50 * x), 0.0, h=1.0)
    low, high = figure.axes[0].get_ylim()
    assert high - low < 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3.0, 1.0), "f is 3.0, which is no function"),
        ((math.log, -1.0), "expected a positive input|math domain"),
        ((lambda x: math.inf if x > 1.5 else x, 1.0, 1.0), "pass a smaller h"),
        ((np.sin, 1.0, -1.0), "h is -1.0"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        plots.secant_and_tangent(*arguments)


@pytest.mark.parametrize("span", [(1, 0), (0, math.inf), 3, "ab"])
def test_a_span_that_is_none_is_refused(span):
    with pytest.raises(InvalidInput, match="span is"):
        plots.secant_and_tangent(np.sin, 1.0, span=span)
