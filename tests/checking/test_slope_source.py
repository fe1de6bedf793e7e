"""Sampled slopes and their error bars."""

import numpy as np

import secant
from secant.checking.point import Point
from secant.checking.slope_source import SampledSlopes, SlopeQuery

X = np.array([0.5, -1.0, 2.0])


def waves(x):
    return float(np.sum(np.sin(x)))


def test_sampled_slopes_are_those_of_secant_gradient_with_bars_four_times_as_long():
    point = Point.of(X)
    source = SampledSlopes(waves, point, traceable=False)
    found = source.one_sided(SlopeQuery(0, np.arange(3), point.leaves))
    expected = secant.gradient(waves, X)
    np.testing.assert_array_equal(found.slope, expected.value)
    np.testing.assert_allclose(found.error, 4 * expected.error, rtol=1e-12)
