"""What may be written for the bounds of a point."""

import numpy as np
import pytest
from scipy.optimize import Bounds

from secant.derivatives import derivative, gradient
from secant.derivatives.bounds import as_bounds
from secant.errors import InvalidInput

INF = np.inf


@pytest.mark.parametrize(
    ("bounds", "x", "lower", "upper"),
    [
        (None, [1.0, 2.0], [-INF, -INF], [INF, INF]),
        ((0, 5), [1.0, 2.0], [0, 0], [5, 5]),
        ((0, [5, 6]), [1.0, 2.0], [0, 0], [5, 6]),
        (([0, 1], [0.2, 3]), [0.1, 2.0], [0, 1], [0.2, 3]),
        ((np.zeros(2), np.full(2, 3)), [0.1, 2.0], [0, 0], [3, 3]),
        (Bounds([0, 1], [0.2, 3]), [0.1, 2.0], [0, 1], [0.2, 3]),
        (Bounds(0, 3), [0.1, 2.0], [0, 0], [3, 3]),
        # As scipy.optimize.minimize takes them.
        ([(0, 1), (1, 3), (None, 0)], [0.1, 2.0, -9.0], [0, 1, -INF], [1, 3, 0]),
        ([(0, 1), (5, None)], [0.1, 7.0], [0, 5], [1, INF]),
        ([(0, 1)], [0.5], [0], [1]),
        # One reading does not contain x.
        ([(2, 8), (0, 3)], [5.0, 1.0], [2, 0], [8, 3]),
        ([[3, 0], [3, 9]], [3.0, 5.0], [3, 0], [3, 9]),
        # Both readings are the same.
        ([(0, 1), (1, 2)], [0.5, 1.5], [0, 1], [1, 2]),
    ],
)
def test_bounds_may_be_written_as_scipy_does(bounds, x, lower, upper):
    found = as_bounds(bounds, np.array(x))
    np.testing.assert_array_equal(found, [lower, upper])


@pytest.mark.parametrize("bounds", [[(0, 0.2), (1, 3)], ((0, 0.2), (1, 3))])
def test_two_pairs_that_may_be_read_both_ways_are_refused(bounds):
    with pytest.raises(InvalidInput, match=r"may be \(lower, upper\) or a pair"):
        as_bounds(bounds, np.array([0.1, 2.0]))


@pytest.mark.parametrize(
    "bounds", [1, (1, 2, 3), "ab", [(0, 1)], (0, np.nan), [(0, 1, 2)] * 3, object()]
)
def test_what_is_no_bounds_is_refused(bounds):
    with pytest.raises(InvalidInput, match="lowest, highest"):
        as_bounds(bounds, np.array([0.1, 0.2]))


@pytest.mark.parametrize("bounds", [[(0, 1), (5, 9), (0, 1)], Bounds([0, 5, 0], 9)])
def test_f_is_called_within_them(bounds):
    def f(x):
        assert x[0] >= 0
        assert 5 <= x[1] <= 9
        return x[0] * x[1]

    found = gradient(f, [0.0, 9.0, 0.5], bounds=bounds)
    np.testing.assert_allclose(found.value, [9.0, 0.0, 0.0], atol=1e-9)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("distance", 2.0 ** -np.arange(1, 30))
def test_a_central_derivative_stays_within_the_nearer_bound(side, distance):
    def f(x):
        assert abs(x) <= 1
        return np.exp(side * x)

    x = side * (1 - distance)
    found = derivative(f, x, bounds=(-1, 1))
    true = side * np.exp(1 - distance)
    assert abs(found.value - true) <= found.error + 1e-13
    assert found.error <= 1e-6


def test_a_point_that_rounding_moved_out_counts_as_on_its_bound():
    def f(x):
        assert 0.0 <= x <= 0.3
        return x * x

    found = derivative(f, 0.1 + 0.2, bounds=(0, 0.3))
    assert abs(found.value - 0.6) <= found.error + 1e-15
    with pytest.raises(InvalidInput, match="outside of its bounds"):
        derivative(f, 0.3 + 1e-9, bounds=(0, 0.3))


@pytest.mark.parametrize(
    ("method", "says"), [("forward", 'method="central"'), ("central", "leave the coor")]
)
def test_advice_is_no_method_that_was_passed(method, says):
    upper = 1.0 if method == "forward" else 0.0
    with pytest.raises(InvalidInput, match=says):
        derivative(lambda x: x, upper, bounds=(0, upper), method=method)
