"""Slopes of a gradient along a direction, for Hessian-vector products."""

import jax.numpy as jnp
import numpy as np

from secant.checking.point import Point, scalar_function
from secant.checking.products import HessianProductSlopes
from secant.checking.slope_source import SlopeQuery


def test_a_shrunk_step_brings_both_sides_closer_by_as_much():
    # The one-sided slopes of 4x³ at 1 are 12 ± 12 h.
    point = Point.of(jnp.float32(1.0))
    f, _, _ = scalar_function(lambda x: x**4, point, single=True, seed=0)
    source = HessianProductSlopes(f, point, [jnp.float32(1.0)])
    whole, part = (
        source.one_sided(SlopeQuery(0, np.arange(1), point.leaves, shrink))
        for shrink in (1.0, 8.0)
    )
    np.testing.assert_allclose([whole.slope, part.slope], 12, rtol=1e-6)
    np.testing.assert_allclose(whole.gap, 24 * source.step, rtol=1e-3)
    np.testing.assert_allclose(whole.gap, 8 * part.gap, rtol=1e-3)
