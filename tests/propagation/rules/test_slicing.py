"""Slices, gather and scatter, at indices that change or do not."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from secant.propagation import difference

RNG = np.random.default_rng(3)
X = RNG.normal(size=(5, 4)).astype(np.float32)
I = jnp.array([1, 3, 1, 4])  # noqa: E741  an index, as in mathematics
J = jnp.array([0, 2, 0, 1])


def top(x):
    return jnp.argmax(x[:, 0])


CASES = {
    "gather": lambda x: x[I],
    "gather of elements": lambda x: x[I, J],
    "gather beyond the edge": lambda x: x.at[jnp.array([0, 9])].get(
        mode="fill", fill_value=7.0
    ),
    "gather at the edge": lambda x: x.at[jnp.array([0, 9])].get(mode="clip"),
    "take": lambda x: jnp.take(x, I, axis=0),
    "take_along_axis": lambda x: jnp.take_along_axis(x, J[None] % 4, axis=1),
    "dynamic_slice": lambda x: lax.dynamic_slice(x, (1, 2), (3, 2)),
    "dynamic_update_slice": lambda x: lax.dynamic_update_slice(x, x[:2] * 3, (3, 0)),
    "set": lambda x: x.at[I, J].set(x[0]),
    "set, twice in one place": lambda x: x.at[I].set(2 * x[:4]),
    "add": lambda x: x.at[I, J].add(3 * x[0]),
    "subtract": lambda x: x.at[I, J].subtract(3 * x[0]),
    "multiply": lambda x: x.at[I, J].multiply(x[0]),
    "multiply rows, some beyond the edge": lambda x: x.at[
        jnp.array([1, 9, 1])
    ].multiply(x[1:4]),
    "divide": lambda x: x.at[I, J].divide(2 + jnp.cos(x[0])),
    "max": lambda x: x.at[I, J].max(x[0]),
    "min": lambda x: x.at[I, J].min(x[0]),
    "max of rows": lambda x: x.at[I].max(jnp.flip(x[:4])),
    "apply": lambda x: x.at[I, J].apply(jnp.sin),
    "segment_sum": lambda x: jax.ops.segment_sum(x, jnp.array([0, 1, 0, 2, 1]), 3),
    "segment_max": lambda x: jax.ops.segment_max(x, jnp.array([0, 1, 0, 2, 1]), 3),
    "segment_prod": lambda x: jax.ops.segment_prod(x, jnp.array([0, 1, 0, 2, 1]), 3),
    "gather at an index that moves": lambda x: x[top(x)],
    "slice at an index that moves": lambda x: lax.dynamic_slice(x, (top(x), 0), (2, 3)),
    "update at an index that moves": lambda x: lax.dynamic_update_slice(
        x, x[:1, :2] ** 2, (top(x), 0)
    ),
    "gather of products, in an order that moves": lambda x: (x * jnp.flip(x))[
        jnp.argsort(x[:, 0])
    ],
    "set at an index that moves": lambda x: x.at[top(x)].set(x[0] * 2),
    "add at an index that moves": lambda x: x.at[top(x)].add(x[0]),
    "multiply at an index that moves": lambda x: x.at[top(x)].multiply(x[0]),
    "max at an index that moves": lambda x: x.at[top(x)].max(x[0]),
    "apply at an index that moves": lambda x: x.at[top(x)].apply(jnp.sin),
}


DIRECTION = RNG.normal(size=X.shape).astype(np.float32)


@pytest.mark.parametrize("f", CASES.values(), ids=CASES)
def test_indexing_is_exact_at_every_size_of_dx(f, is_right):
    is_right(f, X, DIRECTION)


@pytest.mark.parametrize("name", [name for name in CASES if "moves" in name])
def test_an_index_that_moves_reads_and_writes_where_it_then_is(name, is_right):
    direction = np.zeros_like(X)
    direction[int(np.argmin(X[:, 0])), 0] = 20
    assert top(X) != top(X + direction)
    is_right(CASES[name], X, direction, sizes=(1,))


def test_what_is_read_beyond_the_edge_does_not_change():
    def read(x):
        return x.at[jnp.array([9])].get(mode="fill", fill_value=7.0)

    value, change = difference(read)(X, 1.0)
    np.testing.assert_array_equal(value, 7)
    np.testing.assert_array_equal(change, 0)
    read_nan = difference(lambda x: jnp.take(x, jnp.array([9]), axis=0))
    _, change = jax.jit(read_nan)(X, 1.0)
    assert np.isnan(change).all()  # NaN - NaN


def test_an_update_wins_a_maximum_that_dx_alone_decides():
    x = np.ones(2, np.float32)
    _, change = difference(lambda x: x[:1].at[jnp.array([0])].max(x[1:]))(
        x, np.float32([1e-12, 3e-12])
    )
    np.testing.assert_allclose(change, [3e-12], rtol=1e-6)


def test_integers_are_computed_again():
    x, dx = np.int32([4, 1, 3]), np.int32([2, 0, 1])
    for f in (
        lambda x: x[x % 3],
        lambda x: x.at[jnp.array([0, 0])].multiply(x[1:]),
        lambda x: x.at[jnp.array([0, 0])].max(x[1:]),
        lambda x: x.at[jnp.array([0, 0])].add(x[1:]),
        lambda x: x.at[jnp.array([0, 2])].set(x[1:]),
    ):
        _, change = jax.jit(difference(f))(x, dx)
        f = jax.jit(f)
        np.testing.assert_array_equal(change, np.subtract(f(x + dx), f(x)))


def test_a_product_with_a_factor_of_zero_is_no_quotient():
    def f(x):
        return jnp.ones(1).at[jnp.array([0, 0, 0])].multiply(x)

    _, change = difference(f)(jnp.array([0.0, 2.0, 3.0]), jnp.array([1e-9, 0, 0]))
    np.testing.assert_allclose(change, [6e-9], rtol=1e-6)


@partial(jax.jit, static_argnames=("how", "mode"))
def written(x, at, how, mode):
    return getattr(x[0].at[at], how)(x[1], mode=mode)


@partial(jax.jit, static_argnames=("how", "mode"))
def change_of_written(x, dx, at, how, mode):
    return difference(lambda x: written(x, at, how, mode))(x, dx)[1]


@given(
    indices=st.lists(st.integers(-7, 9), min_size=1, max_size=8),
    mode=st.sampled_from(["drop", "clip"]),
    how=st.sampled_from(["add", "multiply", "max", "min"]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=20)
def test_any_indices_in_any_mode(indices, mode, how, seed):
    rng = np.random.default_rng(seed)
    # Numbers of few bits, so that float32 is exact enough for plain subtraction.
    x, dx, u, du = (rng.integers(-4, 5, 6).astype(np.float32) / 4 for _ in range(4))
    at = np.resize(np.array(indices), 6)
    change = change_of_written((x, u), (dx, du), at, how, mode)
    there = written((x + dx, u + du), at, how, mode)
    expected = np.subtract(there, written((x, u), at, how, mode))
    np.testing.assert_allclose(change, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_many_small_changes_in_one_place_add_up_in_16_bits(dtype):
    n = 3000

    def f(x):
        return jnp.zeros(1, dtype).at[jnp.zeros(n, int)].add(x)

    _, change = jax.jit(difference(f))(np.zeros(n, dtype), np.full(n, 2**-10, dtype))
    assert change.dtype == dtype
    np.testing.assert_allclose(np.float32(change), [n / 2**10], rtol=0.01)


@pytest.mark.parametrize("name", ["gather", "add", "multiply", "max", "set"])
@pytest.mark.slow
def test_indexing_under_vmap_and_grad_and_of_a_difference(name):
    f = CASES[name]
    xs, ds = jnp.stack([X, X[::-1]]), jnp.stack([DIRECTION, DIRECTION]) * 1e-3
    moved = jax.jit(difference(f))
    _, each = jax.jit(jax.vmap(difference(f)))(xs, ds)
    for x, d, change in zip(xs, ds, each, strict=True):
        np.testing.assert_allclose(change, moved(x, d)[1], rtol=1e-5, atol=1e-9)
    slope = jax.grad(lambda d: moved(X, d)[1].sum())(ds[0])
    assert np.isfinite(slope).all()
    _, second = jax.jit(difference(lambda x: difference(f)(x, ds[0])[1]))(X, ds[1])
    with jax.enable_x64(True):
        x, d = (jnp.asarray(np.asarray(a, np.float64)) for a in (X, ds[0]))
        expected = f(x + 2 * d) - 2 * f(x + d) + f(x)
    np.testing.assert_allclose(second, expected, rtol=1e-4, atol=1e-9)
