"""Convolutions, pooling and the gradient of pooling."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from secant.propagation import difference

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(7)
X = RNG.normal(size=(2, 4, 7, 6)).astype(np.float32)
W = RNG.normal(size=(4, 2, 3, 2)).astype(np.float32)
DIRECTION = RNG.normal(size=X.shape).astype(np.float32)
OF_W = RNG.normal(size=W.shape).astype(np.float32)


def pool(operation, start, window=(1, 1, 3, 2), strides=(1, 1, 2, 1), **how):
    def f(x):
        return lax.reduce_window(
            x, np.asarray(start, x.dtype), operation, window, strides, "SAME", **how
        )

    return f


max_pool, min_pool = pool(lax.max, -np.inf), pool(lax.min, np.inf)
CASES = {
    "max": max_pool,
    "min": min_pool,
    "max, with holes": pool(
        lax.max, -np.inf, window_dilation=(1, 1, 2, 3), base_dilation=(1, 1, 1, 1)
    ),
    "max of a wide window": pool(lax.max, -np.inf, window=(1, 4, 7, 6)),
    "mean": lambda x: pool(lax.add, 0)(x) / pool(lax.add, 0)(jnp.ones_like(x)),
    "product": pool(lax.mul, 1),
    "any operation": pool(lambda a, b: jnp.hypot(a, b), 0),
    "gradient of max": jax.grad(lambda x: (max_pool(x) ** 2).sum()),
    "gradient of min": jax.grad(lambda x: (min_pool(x) ** 2).sum()),
    "derivative of max": lambda x: jax.jvp(max_pool, (x,), (x**2,))[1],
}


@pytest.mark.parametrize("name", CASES)
def test_pooling_is_exact_at_every_size_of_dx(name, is_right):
    is_right(CASES[name], X, DIRECTION)


@pytest.mark.parametrize("name", ["max", "gradient of max", "derivative of max"])
def test_a_winner_that_changes_is_seen(name, is_right):
    is_right(CASES[name], X, -2 * X, sizes=(1,))


def test_a_tie_is_decided_by_a_change_below_the_spacing_of_floats():
    f = pool(lax.max, -np.inf, window=(3,), strides=(3,))
    dx = jnp.array([1e-12, 3e-12, 2e-12])
    np.testing.assert_allclose(difference(f)(jnp.ones(3), dx)[1], [3e-12], rtol=1e-6)
    slope = jax.grad(lambda x: f(x).sum())
    np.testing.assert_array_equal(difference(slope)(jnp.ones(3), dx)[1], [-1, 1, 0])


@given(
    size=st.integers(1, 9),
    window=st.integers(1, 5),
    stride=st.integers(1, 3),
    step=st.integers(1, 3),
    sides=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    hole=st.integers(1, 2),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=10)
def test_any_windows(size, window, stride, step, sides, hole, seed):
    rng = np.random.default_rng(seed)
    x, dx = (rng.integers(-8, 9, size).astype(np.float32) / 4 for _ in range(2))
    where = ((window,), (stride,), (sides,), (hole,), (step,))
    for operation, start in (
        (lax.max, -np.inf),
        (lax.mul, 1),
        (lax.mul, 2),
        (lax.max, 0.5),
        (lax.min, 0.5),
    ):

        def f(x, operation=operation, start=start):
            return lax.reduce_window(x, np.float32(start), operation, *where)

        value, change = difference(f)(x, dx)
        expected = np.asarray(f(jnp.asarray(x + dx)) - f(x))
        kept = np.isfinite(np.asarray(value))  # not a window of margins alone
        np.testing.assert_allclose(change[kept], expected[kept], atol=1e-4)
        np.testing.assert_array_equal(change[~kept], 0)


CONVOLUTIONS = {
    "groups": {"feature_group_count": 2},
    "batches of groups": {"batch_group_count": 2, "feature_group_count": 1},
    "dilated": {"feature_group_count": 2, "rhs_dilation": (2, 1)},
    "transposed": {"feature_group_count": 2, "lhs_dilation": (1, 2)},
    "strided": {"feature_group_count": 2, "window_strides": (2, 3)},
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_are_exact_at_every_size_of_dx(name, is_right):
    how = {"window_strides": (1, 1), "padding": ((1, 1), (0, 1)), **CONVOLUTIONS[name]}
    w, of_w = W, OF_W
    if name == "batches of groups":
        w, of_w = (np.concatenate([a, a[:, ::-1]], axis=1) for a in (W, OF_W))

    def f(t):
        return lax.conv_general_dilated(*t, **how)

    is_right(f, (X, w), (DIRECTION, of_w))


@pytest.mark.parametrize("name", ["max", "gradient of max"])
def test_pooling_under_vmap_and_grad_and_of_a_difference(name):
    f = CASES[name]
    xs, ds = jnp.stack([X, X[::-1]]), jnp.stack([DIRECTION, DIRECTION]) * 1e-2
    moved = jax.jit(difference(f))
    _, each = jax.jit(jax.vmap(difference(f)))(xs, ds)
    for x, d, change in zip(xs, ds, each, strict=True):
        np.testing.assert_allclose(change, moved(x, d)[1], rtol=1e-4, atol=1e-7)
    slope = jax.grad(lambda d: moved(X, d)[1].sum())(ds[0])
    assert np.isfinite(slope).all()
    _, second = jax.jit(difference(lambda x: difference(f)(x, ds[0])[1]))(X, ds[1])
    with jax.enable_x64(True):
        x, d = (jnp.asarray(np.asarray(a, np.float64)) for a in (X, ds[0]))
        expected = np.asarray(f(x + 2 * d) - 2 * f(x + d) + f(x))
    np.testing.assert_allclose(second, expected, atol=1e-4 * abs(expected).max() + 1e-9)
