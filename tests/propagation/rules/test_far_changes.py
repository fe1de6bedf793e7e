"""Elementwise rules beyond their series: changes so far that values are subtracted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from secant import difference


@pytest.mark.parametrize(("f", "exact"), [(jnp.sin, np.sin), (jnp.cos, np.cos)])
def test_a_far_change_of_a_wave_counts_what_rounding_takes_from_the_sum(f, exact):
    # float32(x + dx) is off by 4e-4, which would be the error.
    x, dx = np.float32(12345.678), np.float32(1.3333333)
    change = exact(float(x) + float(dx)) - exact(float(x))
    assert abs(float(difference(f)(x, dx)[1]) - change) < 1e-6


def test_another_order_of_a_polygamma_is_subtracted():
    def of_order(n):
        return lax.polygamma(n, jnp.float32(1.5))

    change = float(lax.polygamma(2.0, 1.5) - lax.polygamma(1.0, 1.5))
    found = difference(of_order)(jnp.float32(1), jnp.float32(1))[1]
    np.testing.assert_allclose(found, change, rtol=1e-6)


@pytest.mark.parametrize(("x", "dx"), [(0.9, 0.08), (0.3, 0.5), (0.3, -0.2)])
def test_a_far_change_of_a_beta_distribution_has_a_value_and_a_slope(x, dx):
    def beta(x):
        return lax.betainc(jnp.float32(2), jnp.float32(3), x)

    def exact(x):  # x² (6 - 8 x + 3 x²)
        return x * x * (6 - 8 * x + 3 * x * x)

    def density(x):
        return 12 * x * (1 - x) ** 2

    x, dx = jnp.float32(x), jnp.float32(dx)
    there = float(x) + float(dx)
    change = difference(beta)(x, dx)[1]
    np.testing.assert_allclose(change, exact(there) - exact(float(x)), rtol=2e-6)
    slope = jax.grad(lambda x: difference(beta)(x, dx)[1])(x)
    np.testing.assert_allclose(slope, density(there) - density(float(x)), rtol=1e-4)


@pytest.mark.parametrize(("q", "dq"), [(0.25, -0.75), (-0.5, 0.75)])
def test_a_change_of_zeta_across_its_pole_is_subtracted(q, dq):
    q, dq = jnp.float32(q), jnp.float32(dq)

    def zeta(q):
        return lax.zeta(jnp.float32(2), q)

    change = difference(zeta)(q, dq)[1]
    np.testing.assert_allclose(change, zeta(q + dq) - zeta(q), rtol=1e-6)
