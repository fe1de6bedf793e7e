"""Samplers, and the neighbour of a number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from secant.propagation import difference


@pytest.mark.slow
def test_gamma_samples_change_as_their_program_says():
    """Not as JAX's gradient does, which is that of the quantile: 1.95 for the first."""
    key, a = jax.random.key(0), jnp.full(6, 0.4)
    moved = jax.jit(difference(lambda a: jax.random.gamma(key, a)))
    value, change = moved(a, jnp.full(6, 0.5))
    np.testing.assert_array_equal(value, jax.random.gamma(key, a))
    there = jax.random.gamma(key, a + 0.5)
    np.testing.assert_allclose(change, there - value, rtol=1e-5)
    slopes = [np.asarray(moved(a, jnp.full(6, h))[1]) / h for h in (1e-9, 1e-6)]
    np.testing.assert_allclose(*slopes, rtol=1e-4)


@pytest.mark.parametrize("size", [1e-12, 1e-3, 0.5])
@pytest.mark.parametrize("dtype", [np.float32, jnp.bfloat16])
def test_the_neighbour_of_a_number_moves_with_it(size, dtype):
    x, y = jnp.array([1, 1, -1, 3], dtype), jnp.array([9, -9, 9, 9], dtype)
    dx = jnp.full(4, size, dtype)
    value, change = difference(lambda x: lax.nextafter(x, y))(x, dx)
    np.testing.assert_array_equal(value, lax.nextafter(x, y))
    step = 4 * float(jnp.finfo(dtype).eps)
    error = abs(np.asarray(change, float) - np.asarray(dx, float))
    assert error.max() <= (0 if size == 1e-12 else step)


def test_the_neighbour_towards_another_side_jumps():
    x, y = jnp.float32([1, 1]), jnp.float32([2, 1])
    dx, dy = jnp.float32([0, 1e-12]), jnp.float32([-2, 3e-12])
    _, change = difference(lambda at: lax.nextafter(*at))((x, y), (dx, dy))
    eps = np.finfo(np.float32).eps
    np.testing.assert_array_equal(change, np.float32([-1.5 * eps, 3e-12]))
