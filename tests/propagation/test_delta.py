"""Selected numbers: at `x + dx`, they compare as the number that is selected."""

from fractions import Fraction
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from secant.propagation import difference
from secant.propagation.delta import two_sum
from secant.propagation.jaxpr_tools import iter_equations


def exact(x):
    return [Fraction(float(v)) for v in np.asarray(x).ravel()]


def drawn(seed, n=6):
    """Numbers and differences: of any size, of one size, on a grid, in ties."""
    rng = np.random.default_rng(seed)
    kind = seed % 4
    if kind == 0:
        return rng.normal(size=n), rng.normal(size=n)
    if kind == 1:
        x = rng.normal(size=n) * 10.0 ** rng.integers(-6, 6, n)
        return x, rng.normal(size=n) * 10.0 ** rng.integers(-9, 6, n)
    if kind == 2:
        return rng.integers(-4, 5, n) / 4, rng.integers(-4, 5, n) / 4
    x = rng.choice([1.0, 1.0, 0.5, -2.0], n)
    return x, rng.choice([1e-12, 3e-12, 0.0, -1e-9, 0.5], n)


# --- The gradient of a maximum ---


def slope_of(choose, there):
    best = choose(there)
    ties = sum(value == best for value in there)
    return [Fraction(value == best, ties) for value in there]


@pytest.mark.parametrize(
    "dtype",
    [
        "float32",
        *(pytest.param(d, marks=pytest.mark.slow) for d in ("float64", "bfloat16")),
    ],
)
@pytest.mark.parametrize(("f", "choose"), [(jnp.max, max), (jnp.min, min)])
def test_the_gradient_of_an_extreme_is_that_of_the_exact_sums(f, choose, dtype):
    with jax.enable_x64(dtype == "float64"):
        cases = [drawn(seed) for seed in range(1000)]
        # NumPy arrays, because their rows cost nothing.
        x, dx = (np.stack(part).astype(dtype) for part in zip(*cases, strict=True))
        carry = difference(jax.grad(f))
        moved = jax.jit(carry)
        one_by_one = np.stack([moved(*case)[1] for case in zip(x, dx, strict=True)])
        at_once = np.asarray(jax.jit(jax.vmap(carry))(x, dx)[1])
        changed = 0
        for i, (a, da) in enumerate(zip(x, dx, strict=True)):
            there = [p + q for p, q in zip(exact(a), exact(da), strict=True)]
            slopes = slope_of(choose, there), slope_of(choose, exact(a))
            wanted = [float(p - q) for p, q in zip(*slopes, strict=True)]
            changed += any(wanted)
            for got in (one_by_one[i], at_once[i]):
                error = np.abs(got.astype(float) - wanted).max()
                assert error <= jnp.finfo(dtype).eps, (a, da)
        assert 400 < changed < 700


@pytest.mark.slow
def test_so_does_the_second_difference_of_the_gradient():
    slope = jax.grad(lambda x: jnp.max(x) ** 2)

    @jax.jit
    def second(x, a, b):
        return difference(lambda x: difference(slope)(x, a)[1])(x, b)[1]

    rng = np.random.default_rng(0)
    cases = rng.normal(size=(300, 3, 5)).astype(np.float32)
    got = [second(*case) for case in cases]
    with jax.enable_x64(True):
        x, a, b = np.moveaxis(cases.astype(float), 1, 0)
        at = jax.jit(jax.vmap(slope))
        wanted = at(x + a + b) - at(x + b) - at(x + a) + at(x)
    np.testing.assert_allclose(np.stack(got), wanted, atol=1e-5)


# --- All functions that select ---

WEIGHTS = np.arange(1.0, 7, dtype=np.float32)
SEGMENTS = np.array([0, 1, 0, 1, 1, 0])


def weighted(x):
    return jnp.sum(x * WEIGHTS[: x.size].astype(x.dtype))


def pool(x):
    return lax.reduce_window(x, -np.inf, lax.max, (3,), (2,), "SAME")


def running(x):
    return lax.scan(lambda m, v: (jnp.maximum(m, v), None), x[0], x)[0]


def largest_in_a_branch(x):
    largest = lax.cond(x[0] > 0, jnp.max, jnp.min, x)
    return largest * (largest > 0)


OF_A_SUM = {
    "two numbers": lambda x: jnp.maximum(x[0], x[1]) * 3 + jnp.minimum(x[2], x[3]),
    "clip": lambda x: weighted(jnp.clip(x, -0.5, 0.75)),
    "clamp": lambda x: weighted(lax.clamp(x[::-1], x, x + 1)),
    "relu": lambda x: weighted(jax.nn.relu(x)),
    "relu, then pooling": lambda x: weighted(pool(jax.nn.relu(x))),
    "relu, then max": lambda x: jnp.max(jax.nn.relu(x)),
    "sort": lambda x: weighted(jnp.sort(x)),
    "max of sorted": lambda x: jnp.max(jnp.sort(x)[2:5]),
    "top_k": lambda x: weighted(lax.top_k(x, 3)[0]),
    "min of top_k": lambda x: jnp.min(lax.top_k(x, 3)[0]),
    "median": jnp.median,
    "largest norm": lambda x: jnp.linalg.norm(x, ord=jnp.inf),
    "absolute": lambda x: jnp.max(jnp.abs(x)) - jnp.min(jnp.abs(x)),
    "range": jnp.ptp,
    "running": lambda x: weighted(lax.cummax(x)),
    "in a loop": running,
    "in a branch": largest_in_a_branch,
    "of rows and columns": lambda x: (
        weighted(jnp.max(x.reshape(2, 3), axis=0)) + jnp.max(x.reshape(2, 3), 1).min()
    ),
    "largest of the smaller": lambda x: jnp.max(jnp.minimum(x, x[::-1])),
    "compiled": lambda x: jax.jit(jnp.max)(jnp.stack([x[:3], x[3:]]).T),
    "computed again": jax.checkpoint(lambda x: jnp.max(x) * 2),
    "of segments": lambda x: weighted(jax.ops.segment_max(x, SEGMENTS, 2)),
    "of segments, the smallest": lambda x: weighted(
        jax.ops.segment_min(x, SEGMENTS, 2)
    ),
    "with margins": lambda x: jnp.max(jnp.pad(x, 1)),
    "at the place of the largest": lambda x: jnp.max(x) - 2 * x[jnp.argmax(x)],
    "of what a comparison selects": lambda x: jnp.max(
        jnp.where(x[0] > x[1], x, 2 * x[::-1])
    ),
    "the largest but one": lambda x: jnp.max(jnp.where(x == jnp.max(x), -8, x)),
    "of negated": lambda x: -jnp.max(-x),
}
ASKED = {
    "the largest": lambda x: x == jnp.max(x),
    "the largest, in the total order": lambda x: lax.eq_to_p.bind(
        x, jnp.broadcast_to(jnp.max(x), x.shape)
    ),
    "no more than the smallest": lambda x: lax.le_to_p.bind(
        x, jnp.broadcast_to(jnp.min(x), x.shape)
    ),
    "the running largest": lambda x: x >= lax.cummax(x),
    "the largest of windows": lambda x: x[::2] == pool(x),
    "the last of the sorted": lambda x: x == jnp.sort(x)[-1],
    "that of the largest place": lambda x: x == jnp.take(x, jnp.argmax(x)),
    "a slice at a place that moves": lambda x: (
        x == lax.dynamic_slice(x, (jnp.argmax(x),), (1,))
    ),
    "the running largest of the larger": lambda x: (
        x == lax.cummax(jnp.maximum(x, x[::-1]))
    ),
    "the largest where a comparison selects it": lambda x: (
        x == jnp.where(x[::-1] > x, x, jnp.max(x))
    ),
    "the largest, by a function with its own derivative": lambda x: (
        x == jax.nn.relu(jnp.max(x))
    ),
    "the largest of segments of the larger": lambda x: (
        x[:2] == jax.ops.segment_max(jnp.maximum(x, x[::-1]), SEGMENTS, 2)
    ),
    "the last of the larger, sorted": lambda x: (
        x == jnp.sort(jnp.maximum(x, x[::-1]))[-1]
    ),
    "the first of those largest in the sorted": lambda x: (
        x == lax.top_k(jnp.sort(x), 2)[0][0]
    ),
    "the first place of the larger ones of all pairs": lambda x: jnp.argmax(
        jnp.maximum(x[:, None], x), axis=0
    ),
    "the place of the largest, twice": lambda x: jnp.argmax(jnp.maximum(x, x[::-1])),
}


def sums_of_float64(seed):
    """Numbers and differences of float32 whose sums float64 holds exactly."""
    rng = np.random.default_rng(seed)
    if seed % 3 == 0:
        return rng.normal(size=6), rng.normal(size=6) / 2
    if seed % 3 == 1:
        return rng.integers(-4, 5, 6) / 4, rng.integers(-4, 5, 6) / 4
    x = rng.choice([1.0, 1.0, 0.5, -2.0, 0.0], 6)
    return x, rng.integers(-2, 4, 6) * 2.0**-40


@pytest.mark.parametrize(
    "f",
    [jax.grad(f) for f in OF_A_SUM.values()] + list(ASKED.values()),
    ids=[*OF_A_SUM, *ASKED],
)
def test_what_is_chosen_is_compared_as_what_it_is(f):
    moved = jax.jit(difference(f))
    cases = [
        [part.astype(np.float32) for part in sums_of_float64(seed)]
        for seed in range(90)
    ]
    got = [moved(*case)[1] for case in cases]
    with jax.enable_x64(True):
        at = jax.jit(f)
        for (x, dx), change in zip(cases, got, strict=True):
            x, dx = x.astype(float), dx.astype(float)
            there = x + dx
            if any(
                p + q != s for p, q, s in zip(*map(exact, (x, dx, there)), strict=True)
            ):
                continue
            now, then = np.asarray(at(x)), np.asarray(at(there))
            wanted = now ^ then if now.dtype == bool else then - now
            np.testing.assert_allclose(change, wanted, rtol=1e-6, atol=2e-6)


def test_what_was_chosen_is_known_in_a_dtype_of_more_digits_too():
    def f(x):
        return x.astype(jnp.float32) == jnp.max(x).astype(jnp.float32)

    moved = jax.jit(difference(f))
    for seed in range(100):
        x, dx = (part.astype(jnp.bfloat16) for part in drawn(seed))
        there = [p + q for p, q in zip(exact(x), exact(dx), strict=True)]
        value, change = moved(x, dx)
        found = np.bitwise_xor(value, change)
        assert found.tolist() == [s == max(there) for s in there]


def test_the_approximately_largest_of_chosen_numbers_is_known():
    # Not of numbers far below the spacing of floats: approx_max_k does not see them.
    f = jax.jit(difference(lambda x: x == lax.approx_max_k(jnp.sort(x), 1)[0]))
    for seed in range(0, 90, 3):
        x, dx = (part.astype(np.float32) for part in sums_of_float64(seed))
        found = np.bitwise_xor(*f(x, dx))
        there = x.astype(float) + dx
        assert found.tolist() == (there == there.max()).tolist()


def test_nan_is_no_more_equal_to_what_was_chosen_than_before():
    x, dx = np.float32([1.0, np.nan, 3.0]), np.float32([3.0, 0, 0])
    for f in (
        lambda x: x == jnp.max(x),
        lambda x: x == jnp.maximum(x, x[::-1]),
        lambda x: x[:1] == jax.ops.segment_max(x, jnp.zeros(3, int), 1),
    ):
        value, change = jax.jit(difference(f))(x, dx)
        moved = np.bitwise_xor(value, change)
        np.testing.assert_array_equal(moved, jax.jit(f)(x + dx))


def test_infinity_is_the_largest():
    x, dx = np.float32([1.0, np.inf, 3e38]), np.float32([1.0, 1, 2e38])
    value, change = jax.jit(difference(lambda x: x == jnp.max(x)))(x, dx)
    np.testing.assert_array_equal(np.bitwise_xor(value, change), [False, True, True])


def test_of_nothing_there_is_a_maximum_with_what_is_given():
    f = partial(jnp.max, initial=2.0)
    nothing = np.zeros(0, np.float32)
    _, change = jax.jit(difference(jax.grad(f)))(nothing, nothing)
    assert change.shape == (0,)


# --- Cost and composition ---


def test_which_one_was_chosen_is_only_asked_where_something_is_compared_with_it():
    def program(f):
        return str(jax.make_jaxpr(difference(f))(jnp.ones(4), jnp.ones(4)))

    assert "argmax" not in program(jax.nn.logsumexp)
    assert "argmax" in program(lambda x: x == jnp.max(x))


@pytest.mark.slow
def test_it_can_be_asked_under_vmap_and_grad_and_of_a_difference():
    x, dx = jnp.array([1.0, 2, 4]), jnp.array([4.0, 1, 0])
    carry = jax.jit(difference(jax.grad(lambda x: jnp.max(x) ** 2)))
    np.testing.assert_allclose(carry(x, dx)[1], [10, 0, -8])
    _, each = jax.vmap(carry)(jnp.stack([x, x[::-1]]), jnp.stack([dx, dx[::-1]]))
    np.testing.assert_allclose(each, [[10, 0, -8], [-8, 0, 10]])
    got = jax.jit(jax.grad(lambda dx: carry(x, dx)[1].sum()))(dx)
    np.testing.assert_allclose(got, [2, 0, 0])
    twice = jax.jit(difference(lambda x: carry(x, dx)[1]))
    _, second = twice(x, jnp.array([0.0, 8, 0]))
    # From [1, 2, 4] and [5, 3, 4] to [1, 10, 4] and [5, 11, 4].
    np.testing.assert_allclose(second, [-10, 2, 8])


# --- Exact sums in programs ---


def test_the_difference_of_an_exact_sum_is_the_exact_sum_of_the_differences():
    a, b = np.float32([1.0, 3e8]), np.float32([1e-9, -7.0])
    da, db = np.float32([1e-3, 2.5]), np.float32([3e-11, 1e-8])
    (s, e), (ds, de) = difference(lambda p: two_sum(*p))((a, b), (da, db))
    for x, y, parts in ((a, b, (s, e)), (da, db, (ds, de))):
        both = [p + q for p, q in zip(exact(x), exact(y), strict=True)]
        assert [p + q for p, q in zip(*map(exact, parts), strict=True)] == both
    _, (ds, de) = difference(lambda x: two_sum(x, jnp.float32(2)))(a, da)
    np.testing.assert_array_equal(ds, da)
    np.testing.assert_array_equal(de, 0)


def test_the_difference_of_a_difference_is_no_program_of_programs():
    def change(f):
        return lambda x: difference(f)(x, 1e-3)[1]

    def size(f):
        return len(list(iter_equations(jax.make_jaxpr(f)(0.3))))

    def largest(x):
        return jnp.maximum(x, 0.5)

    # Twenty times as long, where each exact sum was walked.
    assert size(change(change(largest))) < 12 * size(change(largest))
