"""`scan` and `while`: constants, carry and slices that change or do not."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from secant.propagation import difference


@pytest.fixture
def check(check):
    return partial(check, rtol=2e-6, eager=False)


# --- scan ---


def state_from_x(x):
    return lax.scan(lambda c, s: (c * s + 1.0, c), x, jnp.array([0.5, 2.0, 3.0]))


def slices_from_x(x):
    return lax.scan(lambda c, s: (c * s + 1.0, c), jnp.ones_like(x), x * jnp.arange(3))


def constant_from_x(x):
    # x reaches the second part of the carry in the second iteration, and the third part
    # in the third.
    def turn(c, s):
        a, b, d, n = c
        return (a * x, a + b * s, b * d, n + 1), (n, b)

    one = jnp.ones_like(x)
    return lax.scan(turn, (one, one, one, 0), jnp.arange(4).astype(x.dtype))


def overwritten(x):
    return lax.scan(
        lambda c, s: (jnp.zeros_like(c), c + s), x, jnp.ones_like(x) * jnp.ones(3)
    )


SCANS = {
    f.__name__: f for f in (state_from_x, slices_from_x, constant_from_x, overwritten)
}


@pytest.mark.parametrize("name", SCANS)
@pytest.mark.parametrize("dx", [1e-9, 1e-2, 0.7])
def test_scan_carries_changes_turn_by_turn(check, name, dx):
    check(SCANS[name], 1.3, dx)


def test_what_does_not_change_in_a_scan_is_not_computed_twice():
    def f(x):
        return lax.scan(lambda c, _: ((c[0] * x, c[1] * 2.0), None), (x, 1.0), None, 3)

    program = jax.make_jaxpr(difference(f))(jnp.float32(1), jnp.float32(1))
    (scan,) = [e for e in program.eqns if e.primitive is lax.scan_p]
    # The two values and the difference of the first; x and dx are constants.
    assert len(scan.outvars) == 3
    assert [float(c) for c in jax.tree.leaves(difference(f)(1.0, 1e-9)[1])][1] == 0


@pytest.mark.parametrize(
    "how",
    [
        {"reverse": True},
        {"unroll": 2},
        {"unroll": True},
        {"reverse": True, "unroll": 3},
    ],
)
def test_scan_backwards_and_unrolled(check, how):
    def f(x):
        return lax.scan(lambda c, s: (c * s + x, c * x), x, jnp.arange(4.0), **how)

    check(f, 1.3, 1e-5)


def test_scan_of_no_turns():
    def f(x):
        return lax.scan(lambda c, _: (c * x, c), x, None, length=0)

    value, (state, stacked) = difference(f)(2.0, 1e-9)
    np.testing.assert_allclose(state, 1e-9)
    assert stacked.shape == value[1].shape == (0,)


def test_scan_over_truth_values_and_random_keys(check):
    def f(x):
        keys = jax.random.split(jax.random.key(0), 3)

        def turn(c, s):
            key, n = s
            return (c[0] * x, key), (key, c[1], n, n + c[0].astype(int))

        (state, _), (*_, n, m) = lax.scan(turn, (x, keys[0]), (keys, jnp.arange(3)))
        return state, n, m

    check(f, 2.9, 0.2)


def test_scan_under_grad_and_vmap_and_in_itself():
    def last(x):
        return state_from_x(x)[0]

    x = np.float32([1.3, 2.0])
    _, each = jax.jit(jax.vmap(difference(last), (0, None)))(x, 1e-6)
    _, together = jax.jit(difference(jax.vmap(last)))(x, 1e-6)
    np.testing.assert_allclose(each, [3e-6, 3e-6], rtol=1e-6)
    np.testing.assert_allclose(together, [3e-6, 3e-6], rtol=1e-6)

    def power(x):
        return lax.fori_loop(0, 4, lambda _, c: c * x, jnp.ones_like(x))

    # Δ x⁴ = 4 x³ h, its slope 12 x² h, its difference 12 x² h k.
    h, k = 1e-6, 1e-5
    slope = jax.jit(jax.grad(lambda x: difference(power)(x, h)[1]))(1.5)
    np.testing.assert_allclose(slope, 12 * 1.5**2 * h, rtol=1e-5)
    _, second = jax.jit(difference(lambda x: difference(power)(x, h)[1]))(1.5, k)
    np.testing.assert_allclose(second, 12 * 1.5**2 * h * k, rtol=2e-5)


# --- while ---


def fixed_turns(x):
    return lax.while_loop(
        lambda c: c[1] < 5, lambda c: (c[0] * x, c[1] + 1), (jnp.ones_like(x), 0)
    )


def until_large(x):
    return lax.while_loop(
        lambda c: c[0] < 100.0, lambda c: (c[0] * x, c[1] + 1), (x, 0)
    )


def bound_from_x(x):
    return lax.while_loop(
        lambda c: c[0] < x * 10.0,
        lambda c: (c[0] * 1.7, c[1] + 1),
        (jnp.ones_like(x), 0),
    )


def not_made_for_the_other(x):
    # The body divides by the number in the condition, which may be 0 at the end.
    return lax.while_loop(
        lambda c: c[0] > 0.0, lambda c: (c[0] - 1.0, 6.0 / c[0] + c[1]), (x, 0.0 * x)
    )


WHILES = {
    f.__name__: f
    for f in (fixed_turns, until_large, bound_from_x, not_made_for_the_other)
}


@pytest.mark.parametrize("name", WHILES)
@pytest.mark.parametrize("dx", [1e-9, 1e-3, 0.5, -0.4, 1.6, -0.9])
def test_while_with_turns_that_come_and_go(check, name, dx):
    # An iteration of one run alone adds and subtracts numbers as large as the carry.
    tolerances = {"rtol": 1e-5, "atol": 1e-4} if abs(dx) > 0.1 else {}
    check(WHILES[name], 2.4, dx, **tolerances)


def test_while_gives_more_turns_and_fewer():
    assert int(difference(until_large)(1.6, 0.5)[1][1]) == -3
    assert int(difference(until_large)(1.6, -0.2)[1][1]) == 4


def test_a_loop_that_x_ends_exactly_goes_on_for_dx_below_the_spacing_of_floats():
    def f(x):
        return lax.while_loop(lambda c: c < 1.0, lambda c: c + 0.5, x)

    value, change = difference(f)(1.0, -1e-12)
    assert float(value) == 1
    np.testing.assert_allclose(change, 0.5)
    np.testing.assert_allclose(difference(f)(1.0, 1e-12)[1], 1e-12)


def test_turns_alone_lose_no_digits():
    # One of the runs from x and from x + dx takes one more Newton step than the other.
    def root(x):
        return lax.while_loop(
            lambda c: c * c - x > 1e-3, lambda c: 0.5 * (c + x / c), x + 1.0
        )

    x = np.linspace(1.0, 3.0, 41, dtype=np.float32)
    dx = np.full_like(x, 0.01)
    with jax.enable_x64(True):
        each = jax.jit(jax.vmap(root))
        there, here = np.float64(x) + np.float64(dx), np.float64(x)
        right = np.subtract(each(there), each(here))
    _, change = jax.jit(jax.vmap(difference(root)))(x, dx)
    _, together = jax.jit(difference(jax.vmap(root)))(x, dx)
    np.testing.assert_allclose(change, right, rtol=3e-5, atol=1e-8)
    np.testing.assert_allclose(together, right, rtol=3e-5, atol=1e-8)


@pytest.mark.slow
def test_while_under_vmap_ends_for_each_at_its_own_time(in_double):
    x = jnp.array([1.6, 2.4, 1.2], jnp.float32)
    dx = jnp.array([0.5, 1e-6, -1e-3], jnp.float32)
    for f in (fixed_turns, until_large, bound_from_x):
        expected = [in_double(f, a, b) for a, b in zip(x, dx, strict=True)]
        for carry in (jax.vmap(difference(f)), difference(jax.vmap(f))):
            _, change = carry(x, dx)
            for got, right in zip(change, zip(*expected, strict=True), strict=True):
                np.testing.assert_allclose(got, right, rtol=2e-6, atol=2e-5)


# --- Loops of branches of loops ---


def nested(x):
    def halved(c):
        return lax.while_loop(lambda c: c > 1.0, lambda c: c * x * 0.3, c)

    def turn(c, s):
        c = lax.cond(c > 2.0, halved, lambda c: c + s, c)
        return c, c * x

    return lax.scan(turn, x, jnp.arange(5, dtype=x.dtype) * 0.7)


@pytest.mark.parametrize("dx", [1e-7, 1e-3, 0.3, -0.2])
def test_scan_of_cond_of_while(check, dx):
    check(nested, 1.3, dx, rtol=5e-6)


@pytest.mark.slow
def test_loops_of_branches_of_loops_under_vmap_and_in_itself(check, in_double):
    x = jnp.array([1.3, 1.5], jnp.float32)
    expected = [in_double(nested, a, 1e-3) for a in x]
    for carry in (
        jax.vmap(difference(nested), (0, None)),
        difference(jax.vmap(nested)),
    ):
        _, change = carry(x, 1e-3)
        for got, right in zip(change, zip(*expected, strict=True), strict=True):
            np.testing.assert_allclose(got, right, rtol=5e-6)

    def by(x):
        return difference(nested)(x, jnp.asarray(1e-2, x.dtype))[1]

    check(by, 1.31, 1e-4, rtol=2e-4)
