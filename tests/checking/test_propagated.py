"""Slopes along coordinates and directions, and their error bars, by functions of one
operation or two, which take little time to compile."""

import jax.numpy as jnp
import numpy as np
import pytest

from secant.checking.point import Point, scalar_function
from secant.checking.propagated import PropagatedSlopes
from secant.checking.slope_source import SampledSlopes, SlopeQuery


def source_of(f, x):
    point = Point.of(x)
    scalar, _, _ = scalar_function(f, point, single=True, seed=0)
    return PropagatedSlopes(scalar, point), point


def slopes_of(f, x):
    source, point = source_of(f, x)
    return source.one_sided(SlopeQuery(0, np.arange(np.size(x)), point.leaves))


def test_the_error_bar_of_values_that_are_subtracted_covers_their_rounding():
    # At 0 the branch that is not taken is 0/0, so that values are subtracted. Beside
    # 10,000 the change of 0.3 x is below one rounding.
    def f(x):
        return 10_000 + 0.3 * x + jnp.where(x == 0, 1.0, jnp.sin(x) / x)

    found = slopes_of(f, jnp.float32(0.0))
    assert abs(found.slope - 0.3) <= found.error


def test_a_step_that_underflows_leaves_a_slope_with_a_long_error_bar():
    def f(x):
        return 1 + jnp.where(x < 1, x, 0 / (x - x))

    found = slopes_of(f, jnp.float16(1.2e-7))
    assert np.isfinite(found.slope).all()
    assert abs(found.slope - 1) <= found.error


def test_the_error_bar_covers_changes_that_underflow():
    found = slopes_of(lambda x: 1e-3 * x, jnp.float32(1e-30))
    assert abs(found.slope - 1e-3) <= found.error


def test_the_large_step_of_float16_leaves_no_error():
    # By h²/6 times the third derivative, the central slope alone would be off by 1 %.
    found = slopes_of(lambda x: jnp.exp(16 * x), jnp.float16(0.5))
    np.testing.assert_allclose(found.slope, 16 * np.exp(8), rtol=3e-3)


def test_slopes_along_a_direction_are_those_of_the_point_or_of_other_leaves():
    source, _ = source_of(lambda x: jnp.sum(x**2), jnp.array([1.0, -2.0, 3.0]))
    direction = [np.array([1.0, 1.0, 0.0])]
    assert source.along_direction(direction) == pytest.approx(-2)
    other = [jnp.array([4.0, 5.0, 6.0])]
    assert source.along_direction(direction, other) == pytest.approx(18)


def test_no_coordinates_have_no_slopes():
    source, point = source_of(jnp.sum, jnp.ones(2))
    sampled = SampledSlopes(np.sum, point, traceable=True)
    nothing = SlopeQuery(0, np.arange(0), point.leaves)
    for found in (source.one_sided(nothing), sampled.one_sided(nothing)):
        assert [part.shape for part in found] == [(0,)] * 3
