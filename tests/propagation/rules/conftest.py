"""What the tests of rules compare with."""

import jax
import numpy as np
import pytest

from secant.propagation import difference


@pytest.fixture
def is_right():
    """`is_right(f, x, direction)`: checks a difference of float32 at sizes of dx.

    The value bit for bit, what does not change as 0, and the difference to so many
    ulp of the largest in its array: beside f(x + dx) - f(x) of float64 and, where that
    loses its digits too, beside a thousandth of what a larger dx brings about.
    """
    return _is_right


def _is_right(f, x, direction, *, ulp=8, sizes=(1e-12, 1e-3, 0.7)):
    moved = jax.jit(difference(f))
    now = jax.jit(f)(x)
    for size in sizes:
        dx = jax.tree.map(lambda d, size=size: (size * d).astype(np.float32), direction)
        value, change = moved(x, dx)
        # Noise of 1e-16 in 1e-7, and curvature of 1e-7: to 1e-5 it is linear.
        scale = 1e-7 / size if size < 1e-7 else 1.0
        then, before = _in_float64(f, x, dx, scale)
        for v, n, c, t, b in zip(
            *map(jax.tree.leaves, (value, now, change, then, before)), strict=True
        ):
            np.testing.assert_array_equal(v, n)
            assert c.dtype == v.dtype
            expected = (t - b) / scale
            largest = np.abs(expected).max(initial=0)
            error = np.abs(np.asarray(c) - expected).max(initial=0)
            allowed = ulp * np.finfo(np.float32).eps if scale == 1 else 1e-5
            assert error <= allowed * largest, (size, error / (largest or 1))


def _in_float64(f, x, dx, scale):
    with jax.enable_x64(True):
        x = jax.tree.map(_widened, x)
        there = jax.tree.map(lambda x, d: x + scale * _widened(d), x, dx)
        return [jax.tree.map(np.asarray, jax.jit(f)(at)) for at in (there, x)]


def _widened(a):
    a = np.asarray(a)
    kinds = {"f": np.float64, "c": np.complex128}
    return a.astype(kinds.get(a.dtype.kind, a.dtype))
