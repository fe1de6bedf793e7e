"""Reductions over axes, cumulative reductions, tensor products, Fourier transforms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from secant.propagation import difference

RNG = np.random.default_rng(5)
X = RNG.normal(size=(3, 6)).astype(np.float32)
DIRECTION = RNG.normal(size=X.shape).astype(np.float32)


def by_any(x):
    def step(a, b):
        return lax.max(a[0], b[0]), a[1] * b[1]

    zero = jnp.zeros((), x.dtype)
    return lax.reduce((x, x), (zero - jnp.inf, zero + 1), step, (1,))


CASES = {
    "sum": lambda x: jnp.sum(x, axis=1),
    "mean": jnp.mean,
    "prod": lambda x: jnp.prod(x, axis=1),
    "prod of all": jnp.prod,
    "reduce by any operation": by_any,
    "cumsum": lambda x: lax.cumsum(x, axis=1, reverse=True),
    "cumprod": lambda x: jnp.cumprod(x, axis=1),
    "cumprod backwards": lambda x: lax.cumprod(x, axis=1, reverse=True),
    "cummax": lambda x: lax.cummax(x, axis=1),
    "cummin": lambda x: lax.cummin(x, axis=0, reverse=True),
    "cumlogsumexp": lambda x: lax.cumlogsumexp(x, axis=1),
    "matrix by its transpose": lambda x: x @ x.T,
    "groups of rows by matrices": lambda x: lax.ragged_dot(
        x, jnp.sin(x[:2, :, None] * x[0]), jnp.array([1, 2])
    ),
    "einsum": lambda x: jnp.einsum("ij,kj,ik->ij", x, x, x @ x.T),
    "tensordot": lambda x: jnp.tensordot(x, jnp.sin(x), axes=((0, 1), (0, 1))),
    "convolve": lambda x: jnp.convolve(x[0], x[1, :3]),
    "fft": lambda x: jnp.fft.fft(x),
    "rfft and back": lambda x: jnp.fft.irfft(jnp.fft.rfft(x) * 2, n=5),
    "fft2": lambda x: jnp.abs(jnp.fft.fft2(x)),
    "norm": lambda x: jnp.linalg.norm(x, axis=1),
    "var": lambda x: jnp.var(x, axis=1),
    "std": lambda x: jnp.std(x, axis=1),
    "trapezoid": lambda x: jnp.trapezoid(x[0], jnp.cumsum(jnp.exp(x[1]))),
    "cov": jnp.cov,
    "corrcoef": jnp.corrcoef,
    "polyval": lambda x: jnp.polyval(x[0], x[1]),
    "resize": lambda x: jax.image.resize(x, (5, 4), "bicubic"),
    "interp": lambda x: jnp.interp(x[0], jnp.linspace(-2, 2, 6, dtype=x.dtype), x[1]),
}


@pytest.mark.parametrize("name", CASES)
def test_reductions_are_exact_at_every_size_of_dx(name, is_right):
    is_right(CASES[name], X, DIRECTION)


@pytest.mark.parametrize("name", ["cummax", "cummin", "reduce by any operation"])
def test_a_winner_that_changes_is_seen(name, is_right):
    direction = np.where(X.max(1, keepdims=True) == X, -9, 1).astype(np.float32)
    is_right(CASES[name], X, direction, sizes=(1,))


def test_a_tie_is_decided_by_a_change_below_the_spacing_of_floats():
    _, change = difference(lambda x: lax.cummax(x))(
        jnp.ones(3), jnp.array([1e-12, 3e-12, 2e-12])
    )
    np.testing.assert_allclose(change, [1e-12, 3e-12, 3e-12], rtol=1e-6)


@pytest.mark.parametrize("f", [jnp.prod, lambda x: jnp.cumprod(x)[-1]])
def test_a_product_with_a_factor_of_zero_is_no_quotient(f):
    _, change = difference(f)(jnp.array([0.0, 2.0, 3.0]), jnp.array([1e-9, 0, 0]))
    np.testing.assert_allclose(change, 6e-9, rtol=1e-6)


def test_a_product_of_nothing_is_one():
    value, change = difference(lambda x: jnp.prod(x, axis=1))(jnp.zeros((2, 0)), 1.0)
    np.testing.assert_array_equal(value, [1, 1])
    np.testing.assert_array_equal(change, [0, 0])


@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    data=st.data(),
    name=st.sampled_from(["cumprod", "cummax", "cummin", "cumsum"]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=10)
def test_running_reductions_of_any_shape_along_any_axis(shape, data, name, seed):
    axis = data.draw(st.integers(0, len(shape) - 1))
    reverse = data.draw(st.booleans())
    rng = np.random.default_rng(seed)
    # Numbers of few bits, so that float32 is exact enough for plain subtraction.
    x, dx = (rng.integers(-8, 9, shape).astype(np.float32) / 4 for _ in range(2))

    def f(x):
        return getattr(lax, name)(x, axis=axis, reverse=reverse)

    _, change = jax.jit(difference(f))(x, dx)
    there, here = map(jax.jit(f), (x + dx, x))
    np.testing.assert_allclose(change, np.subtract(there, here), atol=1e-4)


def test_integers_are_computed_again():
    x, dx = np.int32([[2, -3], [4, 1]]), np.int32([[1, 0], [-7, 2]])

    def f(x):
        return jnp.sum(x), jnp.prod(x), jnp.cumprod(x, 0), x @ x

    _, changes = jax.jit(difference(f))(x, dx)
    there, here = map(jax.jit(f), (x + dx, x))
    for change, then, now in zip(changes, there, here, strict=True):
        np.testing.assert_array_equal(change, then - now)


# --- Precision ---


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize(
    "f", [lambda x: lax.reduce_sum(x, (0,)), lambda x: lax.cumsum(x)[-1]]
)
def test_many_small_changes_add_up_in_16_bits(dtype, f):
    x, dx = np.zeros(3000, dtype), np.full(3000, 2**-10, dtype)
    _, change = jax.jit(difference(f))(x, dx)
    assert change.dtype == dtype
    np.testing.assert_allclose(np.float32(change), 3000 / 2**10, rtol=0.01)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("wide", [None, jnp.float32])
def test_products_of_16_bits_are_exact_to_the_digits_of_the_result(dtype, wide):
    def f(t):
        return lax.dot(*t, preferred_element_type=wide)

    a, b, da, db = (
        jnp.asarray(RNG.normal(size=(5, 5)) * size).astype(dtype)
        for size in (1, 1, 1e-3, 1e-3)
    )
    _, change = jax.jit(difference(f))((a, b), (da, db))
    a, b, da, db = (np.asarray(m, np.float64) for m in (a, b, da, db))
    expected = (a + da) @ (b + db) - a @ b
    terms = abs(da) @ abs(b) + abs(a) @ abs(db)
    assert change.dtype == (wide or dtype)
    error = abs(np.asarray(change, np.float64) - expected) / terms
    assert error.max() <= 8 * float(jnp.finfo(change.dtype).eps)


@pytest.mark.parametrize("name", ["sum", "matrix by its transpose", "cumprod", "prod"])
def test_in_float64_too(name):
    f, scale = CASES[name], 1e-3
    with jax.enable_x64(True):
        x = jnp.asarray(np.round(X * 64) / 64, jnp.float64)
        dx = jnp.asarray(np.round(DIRECTION * 64) / 64 * 2**-40, jnp.float64)
        moved = jax.jit(difference(f))
        _, change = moved(x, dx)
        _, slope = jax.jvp(f, (x,), (dx,))
        np.testing.assert_allclose(change, slope, rtol=1e-9)
        _, half = moved(x, dx * scale)
        _, slope = jax.jvp(f, (x,), (dx * scale,))
        np.testing.assert_allclose(half, slope, rtol=1e-12)


# --- Composition ---


@pytest.mark.parametrize("name", ["prod", "cumprod", "cummax", "fft2"])
@pytest.mark.slow
def test_reductions_under_vmap_and_grad_and_of_a_difference(name):
    f = CASES[name]
    xs, ds = jnp.stack([X, X[::-1]]), jnp.stack([DIRECTION, DIRECTION]) * 1e-2
    moved = jax.jit(difference(f))
    _, each = jax.jit(jax.vmap(difference(f)))(xs, ds)
    for x, d, change in zip(xs, ds, each, strict=True):
        np.testing.assert_allclose(change, moved(x, d)[1], rtol=1e-4, atol=1e-7)
    slope = jax.jit(jax.grad(lambda d: moved(X, d)[1].sum()))(ds[0])
    assert np.isfinite(slope).all()
    _, second = jax.jit(difference(lambda x: difference(f)(x, ds[0])[1]))(X, ds[1])
    with jax.enable_x64(True):
        x, d = (jnp.asarray(np.asarray(a, np.float64)) for a in (X, ds[0]))
        expected = np.asarray(f(x + 2 * d) - 2 * f(x + d) + f(x))
    scale = abs(expected).max()
    np.testing.assert_allclose(second, expected, rtol=1e-4, atol=1e-4 * scale + 1e-9)
