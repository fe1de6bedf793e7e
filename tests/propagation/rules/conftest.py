"""Fixtures that compare a difference with plain subtraction in float64."""

from functools import lru_cache

import jax
import numpy as np
import pytest

from secant.propagation import difference


@pytest.fixture
def is_right():
    """`is_right(f, x, direction)`: checks a difference of float32 at sizes of dx.

    The value equals f's own bit for bit. The difference is within `ulp` ulp of the
    largest in its array. It is compared with f(x + dx) - f(x) in float64. Where that
    loses its digits too, it is compared with the scaled difference of a larger dx.
    """
    return _is_right


@lru_cache(maxsize=64)
def _compiled_difference(f):
    """One program for all cases of a function."""
    return jax.jit(difference(f))


def _is_right(f, x, direction, *, ulp=8, sizes=(1e-12, 1e-3, 0.7)):
    moved = _compiled_difference(f)
    now = jax.jit(f)(x)
    for size in sizes:
        dx = jax.tree.map(lambda d, size=size: (size * d).astype(np.float32), direction)
        value, change = moved(x, dx)
        # With dx = 1e-7, float64 has noise of 1e-9 and curvature of 1e-7: within 1e-5,
        # f is linear.
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


@pytest.fixture
def in_double():
    """`in_double(f, x, dx)`: f(x + dx) - f(x) in float64, for x and dx of float32."""
    return _subtracted_in_double


@pytest.fixture
def check():
    """`check(f, x, dx)`: checks a difference of float32 beside that of float64."""
    return _check


def _subtracted_in_double(f, x, dx):
    # f is compiled: eagerly, each of its operations is a program.
    f, x, dx = jax.jit(f), np.float64(np.float32(x)), np.float64(np.float32(dx))
    with jax.enable_x64(True):
        return jax.tree.map(lambda a, b: np.asarray(b) - np.asarray(a), f(x), f(x + dx))


def _check(f, x, dx, rtol=1e-6, atol=0.0, *, eager=True):
    expected = _subtracted_in_double(f, x, dx)
    x, dx = np.float32(x), np.float32(dx)
    f_of_x = jax.jit(f)(x)
    carries = [_compiled_difference(f), *([difference(f)] if eager else [])]
    for carry in carries:
        value, change = carry(x, dx)
        for got, is_f in zip(*map(jax.tree.leaves, (value, f_of_x)), strict=True):
            np.testing.assert_allclose(got, is_f, rtol=1e-6)
        for got, right in zip(*map(jax.tree.leaves, (change, expected)), strict=True):
            np.testing.assert_allclose(got, right, rtol=rtol, atol=atol)
