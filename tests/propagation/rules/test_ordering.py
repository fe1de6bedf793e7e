"""Comparisons, positions and sorting: sums that are not rounded decide."""

from fractions import Fraction
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from secant.propagation import difference


def exact(x):
    flat = [Fraction(float(v)) for v in np.asarray(x).ravel()]
    return np.array(flat, dtype=object).reshape(np.shape(x))


# Few values, so that there are ties; differences far below their spacing, which decide.
VALUES = st.sampled_from([-2.0, -1.0, 0.0, 0.25, 1.0, 1 + 2.0**-7, 3.0])
MOVES = st.sampled_from([0.0, 1e-12, -1e-12, 3e-10, 2.0**-7, -(2.0**-7), 0.7, -1.25])
ROWS = st.lists(st.tuples(VALUES, MOVES), min_size=6, max_size=6)
DTYPES = st.sampled_from(["float32", "bfloat16"])


def arrays(rows, dtype, shape=(6,)):
    x, dx = np.array(rows).T
    return (jnp.asarray(v.reshape(shape).astype(jnp.dtype(dtype))) for v in (x, dx))


# --- Comparisons ---

COMPARISONS = {
    "eq": (lax.eq, np.equal),
    "ne": (lax.ne, np.not_equal),
    "lt": (lax.lt, np.less),
    "le": (lax.le, np.less_equal),
    "gt": (lax.gt, np.greater),
    "ge": (lax.ge, np.greater_equal),
    "eq_to": (lax.eq_to_p.bind, np.equal),
    "lt_to": (lax.lt_to_p.bind, np.less),
    "le_to": (lax.le_to_p.bind, np.less_equal),
}


@lru_cache(maxsize=len(COMPARISONS))
def compared(name):
    """The difference of a comparison, in one program for all examples."""
    f, _ = COMPARISONS[name]
    return jax.jit(difference(lambda x: f(*x)))


@pytest.mark.parametrize("name", COMPARISONS)
@given(a=ROWS, b=ROWS, dtype=DTYPES)
def test_a_comparison_is_that_of_the_exact_sums(name, a, b, dtype):
    f, oracle = COMPARISONS[name]
    (a, da), (b, db) = arrays(a, dtype), arrays(b, dtype)
    value, change = compared(name)((a, b), (da, db))
    np.testing.assert_array_equal(value, f(a, b))
    wanted = oracle(exact(a) + exact(da), exact(b) + exact(db))
    np.testing.assert_array_equal(np.bitwise_xor(value, change), wanted)


def test_what_rounding_takes_from_two_large_sums_decides():
    a, da = jnp.float32(1e6), jnp.float32(-999999.9)
    b, db = jnp.float32(0.1), jnp.float32(0.0)
    gap = exact(a) + exact(da) - exact(b)
    _, change = difference(lambda x: (x[0] < x[1], x[0] > x[1]))((a, b), (da, db))
    assert list(map(bool, change)) == [gap < 0, not gap > 0]


@pytest.mark.parametrize(
    ("f", "wanted"),
    [
        (lambda x: x == x, False),
        (lambda x: x != x, True),
        (lambda x: (x < 1) | (x >= 1), False),
        (lambda x: jnp.isnan(x), True),
        (lambda x: jnp.isfinite(x), False),
    ],
)
def test_nan_compares_as_nan(f, wanted):
    value, change = difference(f)(jnp.float32(jnp.nan), 1.0)
    assert value ^ change == wanted


@pytest.mark.parametrize("f", [jnp.isfinite, jnp.isinf, lambda x: x < jnp.inf])
def test_overflow_of_the_sum_is_seen(f):
    _, change = difference(f)(jnp.float32(3e38), 2e38)
    assert bool(change)


def test_two_sums_that_overflow_are_equal():
    a, b = (np.float32(3e38), np.float32(2e38)), (np.float32(2e38), np.float32(3e38))
    for name, wanted in [("eq", True), ("lt", False), ("ge", True)]:
        value, change = compared(name)(a, b)
        assert (value ^ change) == wanted


def test_a_zero_that_does_not_change_keeps_its_sign_in_the_total_order():
    zeros = np.float32([0.0, -0.0])
    x, dx = np.float32([-1, -1]), np.float32([1, 1])
    f = difference(lambda x: lax.eq_to_p.bind(x, zeros))
    value, change = f(x, dx)  # compiled, XLA may drop that 0 is added
    assert np.bitwise_xor(value, change).tolist() == [True, False]


def test_complex_numbers_are_equal_in_both_parts():
    z, dz = np.complex64([1 + 2j, 1 + 2j]), np.complex64([1e-12j, 0])
    _, change = jax.jit(difference(lambda z: z == 1 + 2j))(z, dz)
    assert change.tolist() == [True, False]


def test_a_comparison_in_a_second_difference_sees_both_changes():
    def f(x):
        return jnp.where(x < 1, x, 2 * x)

    @jax.jit
    def second(x, dx, further):
        return difference(lambda x: difference(f)(x, dx)[1])(x, further)[1]

    # 1 - 1e-12 is below the kink. With 5e-13 added, it still is; with 2e-12, it is not.
    for further, wanted in [(5e-13, -5e-13), (2e-12, 1.0)]:
        change = second(1.0, -1e-12, further)
        np.testing.assert_allclose(change, wanted, rtol=1e-6)


# --- Positions ---


@given(rows=ROWS, axis=st.sampled_from([0, 1]), dtype=DTYPES)
@pytest.mark.slow
def test_the_place_of_an_extreme_is_the_first_of_the_exact_sums(rows, axis, dtype):
    x, dx = arrays(rows, dtype, (2, 3))
    there = exact(x) + exact(dx)
    for f, oracle in [(jnp.argmax, np.argmax), (jnp.argmin, np.argmin)]:
        value, change = difference(lambda x, f=f: f(x, axis=axis))(x, dx)
        np.testing.assert_array_equal(value, f(x, axis=axis))
        np.testing.assert_array_equal(value + change, oracle(there, axis=axis))


def test_the_place_of_nan_is_found():
    x = jnp.array([1.0, jnp.nan, jnp.inf, 2.0])
    for f in (jnp.argmax, jnp.argmin):
        value, change = difference(f)(x, jnp.full(4, 1e-9))
        assert value + change == 1


# --- Sorting ---


def order(there):
    return np.array(sorted(range(len(there)), key=lambda i: there[i]))


sort_and_difference = jax.jit(difference(jnp.sort))
argsort_and_difference = jax.jit(difference(jnp.argsort))


@given(rows=ROWS, dtype=DTYPES)
def test_sorting_moves_each_to_the_place_of_its_exact_sum(rows, dtype):
    x, dx = arrays(rows, dtype)
    there = exact(x) + exact(dx)
    value, change = sort_and_difference(x, dx)
    np.testing.assert_array_equal(value, jnp.sort(x))
    wanted = np.sort(there) - np.sort(exact(x))
    np.testing.assert_allclose(
        np.asarray(change, float), wanted.astype(float), rtol=jnp.finfo(dtype).eps
    )
    places, moved = argsort_and_difference(x, dx)
    np.testing.assert_array_equal(np.add(places, moved), order(there))


LOAD = np.float32([10, 20, 30, 40, 50, 60])
sorted_with_load = jax.jit(difference(lambda x: lax.sort((*x, LOAD), num_keys=2)))


@given(rows=ROWS, more=ROWS)
def test_ties_go_to_the_second_key_and_what_is_sorted_along_follows(rows, more):
    (a, da), (b, db) = arrays(rows, "float32"), arrays(more, "float32")
    value, change = sorted_with_load((a, b), (da, db))
    keys = list(zip(exact(a) + exact(da), exact(b) + exact(db), strict=True))
    by = order(keys)
    np.testing.assert_array_equal(np.add(value[2], change[2]), LOAD[by])
    wanted = np.array([b for _, b in keys])[by] - exact(value[1])
    np.testing.assert_allclose(change[1], wanted.astype(float), rtol=1e-6)


def test_where_the_keys_stay_only_what_is_sorted_along_changes():
    keys = jnp.array([3.0, 1.0, 2.0])
    value, change = difference(lambda x: lax.sort((keys, x), num_keys=1))(
        jnp.array([1.0, 2.0, 3.0]), jnp.array([1e-9, 2e-9, 3e-9])
    )
    np.testing.assert_array_equal(value[1], [2, 3, 1])
    np.testing.assert_array_equal(change[0], [0, 0, 0])
    np.testing.assert_allclose(change[1], [2e-9, 3e-9, 1e-9], rtol=1e-6)


def test_whole_keys_that_change_carry_numbers_along():
    value, change = difference(lambda x: lax.sort((x, jnp.array([1.5, 2.5]))))(
        jnp.array([1, 2]), jnp.array([2, 0])
    )
    assert (value[0] + change[0]).tolist() == [2, 3]
    assert change[1].tolist() == [1, -1]


def test_infinities_and_nan_sort_to_the_ends():
    x = jnp.array([jnp.nan, jnp.inf, 1.0, -jnp.inf, 1.0])
    dx = jnp.array([0.0, 1e-9, 2e-9, 1e-9, 1e-9])
    _, change = difference(jnp.sort)(x, dx)
    np.testing.assert_allclose(change, [1e-9, 1e-9, 2e-9, 1e-9, jnp.nan], rtol=1e-6)


def test_complex_numbers_sort_by_real_then_imaginary_part():
    z = jnp.array([1 + 1j, 1 + 0j])
    _, change = difference(jnp.sort)(z, jnp.array([-1e-9, 0]))
    np.testing.assert_allclose(change, [1j, -1j], atol=2e-9)


@settings(max_examples=20)
@given(rows=ROWS, k=st.sampled_from([1, 3]), dtype=DTYPES)
@pytest.mark.slow
def test_the_largest_are_those_of_the_exact_sums(rows, k, dtype):
    x, dx = arrays(rows, dtype)
    there = exact(x) + exact(dx)
    by = order(list(-there))[:k]
    for f in (lax.top_k, lax.approx_max_k):
        (value, place), (change, moved) = difference(lambda x, f=f: f(x, k))(x, dx)
        np.testing.assert_array_equal(value, f(x, k)[0])
        if f is lax.approx_max_k:  # asks rounded sums, and may take another of a tie
            by = np.asarray(place + moved)
        np.testing.assert_array_equal(place + moved, by)
        np.testing.assert_allclose(
            np.asarray(change, float),
            (there[by] - exact(value)).astype(float),
            rtol=jnp.finfo(dtype).eps,
        )


def test_moves_far_below_the_spacing_of_floats_decide_which_is_the_largest():
    x, dx = jnp.array([1.0, 1.0, 0.5, 1.0]), jnp.array([1e-12, 3e-12, 1e-9, 2e-12])
    (_, place), (change, moved) = difference(lambda x: lax.top_k(x, 3))(x, dx)
    assert (place + moved).tolist() == [1, 3, 0]
    np.testing.assert_array_equal(change, np.asarray(dx)[[1, 3, 0]])


def test_the_approximately_largest_move_with_their_changes():
    x, dx = np.float32([1, 4, 2, 3]), np.float32([1e-12, -2, 0, 1e-9])
    f = difference(lambda x: lax.approx_max_k(x, 2))
    (value, place), (change, moved) = jax.jit(f)(x, dx)
    assert value.tolist() == [4, 3]
    assert (place + moved).tolist()[0] == 3
    np.testing.assert_allclose(change, [-1, -1], rtol=1e-6)


def test_the_largest_of_each_column_and_among_zeros_and_nan():
    x = jnp.array([[0.0, 1.0], [-0.0, jnp.nan], [jnp.inf, 2.0], [-jnp.nan, 3.0]])
    f = lambda x: lax.top_k(x, 4, axis=0)  # noqa: E731
    (_, place), (_, moved) = jax.jit(difference(f))(x, np.zeros((4, 2), np.float32))
    np.testing.assert_array_equal(place, f(x)[1])
    np.testing.assert_array_equal(moved, np.zeros((4, 2)))


@pytest.mark.parametrize("f", [jnp.sort, lambda x: lax.top_k(x, 3)[0]])
@pytest.mark.slow
def test_sorting_works_under_jit_vmap_grad_and_itself(f):
    x = jnp.array([[3.0, 1, 2, 0], [0, 5, 4, 1]])
    dx = jnp.array([[-1.5, 0.25, 0.5, 0], [0.5, -2, 0, 1]])
    _, change = jax.jit(jax.vmap(difference(f)))(x, dx)
    np.testing.assert_array_equal(change, jax.vmap(f)(x + dx) - jax.vmap(f)(x))

    def g(x):
        return jnp.sum(f(x) * jnp.arange(1.0, len(f(x)) + 1))

    got = jax.grad(lambda x: difference(g)(x, dx[0])[1])(x[0])
    np.testing.assert_allclose(got, jax.grad(g)(x[0] + dx[0]) - jax.grad(g)(x[0]))

    _, second = difference(lambda x: difference(f)(x, dx[0])[1])(x[0], dx[1])
    a, b = dx
    wanted = (f(x[0] + a + b) - f(x[0] + b)) - (f(x[0] + a) - f(x[0]))
    np.testing.assert_allclose(second, wanted, atol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_numbers_of_16_bits_are_found_among_constants(dtype):
    among = jnp.asarray([1, 2, 3], dtype)
    x, dx = jnp.asarray([1, 3, 2], dtype), jnp.asarray([1e-4, 1e-4, -1e-4], dtype)
    value, change = jax.jit(difference(partial(jnp.searchsorted, among)))(x, dx)
    assert value.tolist() == [0, 2, 1]
    assert (value + change).tolist() == [1, 3, 1]
