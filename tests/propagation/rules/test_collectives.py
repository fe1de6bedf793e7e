"""Sums and exchanges over a mapped axis, from inside and from outside the map."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from secant.propagation import difference

N = 4
COLLECTIVES = {
    "psum": lambda x: lax.psum(x, "i"),
    "psum of several": lambda x: lax.psum((x, 2.0 * x, 1.0), "i")[1],
    "pmean": lambda x: lax.pmean(x, "i"),
    "ppermute": lambda x: lax.ppermute(x, "i", [(k, (k + 1) % N) for k in range(N)]),
    "all_gather": lambda x: lax.all_gather(x, "i"),
    "all_to_all": lambda x: lax.all_to_all(x * jnp.ones(N), "i", 0, 0),
}


@pytest.mark.parametrize("name", COLLECTIVES)
def test_a_linear_collective_does_to_the_change_what_it_does_to_the_value(name):
    def f(x):
        return x * COLLECTIVES[name](x)

    x = np.arange(1, N + 1, dtype=np.float32)
    dx = np.float32(1e-9) * np.arange(2, N + 2, dtype=np.float32)
    # In one program each; test_shape.py has eager calls.
    inside = jax.jit(jax.vmap(difference(f), axis_name="i"))(x, dx)
    outside = jax.jit(difference(jax.vmap(f, axis_name="i")))(x, dx)
    with jax.enable_x64(True):
        mapped = jax.vmap(f, axis_name="i")
        tangent = jax.jit(lambda x, dx: jax.jvp(mapped, (x,), (dx,))[1])
        right = np.asarray(tangent(np.float64(x), np.float64(dx)))
    for _, change in (inside, outside):
        np.testing.assert_allclose(change, right, rtol=1e-6)
