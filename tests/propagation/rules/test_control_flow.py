"""Calls and branches; the programs inside are made of a few operations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.extend.core import primitives

from secant.propagation import difference
from secant.propagation.registry import bind


def in_double(f, x, dx):
    """f(x + dx) - f(x) in float64, for the very x and dx that float32 holds."""
    x, dx = np.float32(x), np.float32(dx)
    with jax.enable_x64(True):
        here, there = f(jnp.float64(x)), f(jnp.float64(x) + jnp.float64(dx))
        return jax.tree.map(lambda a, b: np.asarray(b) - np.asarray(a), here, there)


def check(f, x, dx, rtol=1e-6, atol=0.0):
    expected = in_double(f, x, dx)
    x, dx = jnp.float32(x), jnp.float32(dx)
    for carry in (difference(f), jax.jit(difference(f))):
        value, change = carry(x, dx)
        for got, is_f in zip(
            jax.tree.leaves(value), jax.tree.leaves(f(x)), strict=True
        ):
            np.testing.assert_allclose(got, is_f, rtol=1e-6)
        for got, right in zip(
            jax.tree.leaves(change), jax.tree.leaves(expected), strict=True
        ):
            np.testing.assert_allclose(got, right, rtol=rtol, atol=atol)


def polynomial(x):
    return x * x * 3.0 - x


# --- Calls ---


@jax.custom_jvp
def with_wrong_jvp(x):
    return polynomial(x)


with_wrong_jvp.defjvp(lambda primals, tangents: (polynomial(*primals), 100.0))


@jax.custom_vjp
def with_wrong_vjp(x):
    return polynomial(x)


with_wrong_vjp.defvjp(lambda x: (polynomial(x), None), lambda _, c: (100.0 * c,))

CALLS = {
    "jit": jax.jit(polynomial),
    "nested jit": jax.jit(lambda x: jax.jit(polynomial)(x) * 2.0),
    "custom_jvp": with_wrong_jvp,
    "custom_vjp": with_wrong_vjp,
    "checkpoint": jax.checkpoint(polynomial),
    "checkpoint with a policy": jax.checkpoint(
        polynomial, policy=jax.checkpoint_policies.nothing_saveable
    ),
    "closed_call": lambda x: bind(
        primitives.closed_call_p, [x], {"call_jaxpr": jax.make_jaxpr(polynomial)(x)}
    )[0],
    "named": jax.named_call(polynomial, name="polynomial"),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dx", [1e-10, 1e-3, 0.7])
def test_a_call_changes_as_the_function_that_is_called(name, dx):
    check(CALLS[name], 2.0, dx)


def test_a_custom_rule_for_derivatives_is_no_part_of_the_difference():
    assert float(jax.jvp(with_wrong_jvp, (2.0,), (1.0,))[1]) == 100
    assert abs(float(difference(with_wrong_jvp)(2.0, 1e-6)[1]) - 11e-6) < 1e-10


def test_checkpoint_stays_one_under_grad():
    gradient = jax.grad(lambda x: difference(CALLS["checkpoint"])(x, 1e-3)[1])
    held = {equation.primitive for equation in jax.make_jaxpr(gradient)(2.0).eqns}
    assert primitives.remat_p in held
    np.testing.assert_allclose(gradient(2.0), 6e-3, rtol=1e-6)


# --- Branches ---


def crossing(x):
    return lax.cond(
        x > 1.0, lambda x: (x * 3.0, 7, 2.0), lambda x: (x * x + 1.0, 5, 3.0), x
    )


@pytest.mark.parametrize(
    ("x", "dx"), [(0.9, 1e-9), (1.1, 1e-9), (0.9, 0.2), (1.1, -0.2), (0.9, -1.0)]
)
def test_a_branch_that_flips_gives_what_lies_between_the_two(x, dx):
    check(crossing, x, dx)


def test_a_branch_flips_though_dx_is_below_the_spacing_of_floats():
    value, change = difference(
        lambda x: lax.cond(x > 1.0, lambda x: x - 1.0, lambda x: (1.0 - x) * 5.0, x)
    )(1.0, 1e-12)
    assert float(value) == 0
    np.testing.assert_allclose(change, 1e-12)


def test_a_branch_that_is_not_made_for_x_is_computed_at_the_other_end():
    # At x, the branch of x + dx divides by zero.
    check(
        lambda x: lax.cond(x > 1.0, lambda x: 6.0 / (x - 1.0), lambda x: x, x), 1.0, 2.0
    )


@pytest.mark.parametrize(
    ("x", "dx"), [(0.5, 1e-6), (0.9, 0.2), (1.9, 1.2), (2.5, -9.0)]
)
def test_switch_between_many(x, dx):
    branches = [lambda x: x, lambda x: x * x, lambda x: x * x * x, lambda x: 1.0 - x]
    check(lambda x: lax.switch(x.astype(int), branches, x), x, dx)


def test_what_changes_in_one_branch_only():
    def f(x):
        return lax.cond(
            jnp.arange(2)[1] > 0, lambda: (x * 2.0, 1.0), lambda: (1.0, 1.0)
        )

    _, (moved, still) = difference(f)(1.0, 1e-9)
    np.testing.assert_allclose(moved, 2e-9)
    assert float(still) == 0


def test_branches_under_vmap_become_selections():
    x = jnp.array([0.9, 1.1, 0.95], jnp.float32)
    dx = jnp.array([0.2, 1e-6, -1e-6], jnp.float32)
    expected = [in_double(crossing, a, b) for a, b in zip(x, dx, strict=True)]
    for carry in (jax.vmap(difference(crossing)), difference(jax.vmap(crossing))):
        _, change = carry(x, dx)
        for got, right in zip(change, zip(*expected, strict=True), strict=True):
            np.testing.assert_allclose(got, right, rtol=1e-6)


def test_platform_dependent_code_stays_so():
    def f(x):
        return lax.platform_dependent(
            x, cpu=lambda x: x * 2.0, tpu=lambda x: x * 3.0, default=lambda x: x * 4.0
        )

    factor = float(f(1.0))
    _, change = jax.jit(difference(f))(1.0, 1e-9)
    np.testing.assert_allclose(change, factor * 1e-9, rtol=1e-6)
    _, change = jax.jit(difference(jnp.diagonal))(jnp.eye(3), 1e-9)
    np.testing.assert_allclose(change, [1e-9] * 3)


def test_a_branch_under_grad():
    gradient = jax.grad(lambda x: difference(crossing)(x, 1e-3)[1][0])
    np.testing.assert_allclose(gradient(0.5), 2e-3, rtol=1e-5)
    np.testing.assert_allclose(gradient(1.5), 0.0, atol=1e-7)


def test_a_branch_in_a_difference_of_a_difference():
    def by(x):
        return difference(crossing)(x, 1e-3)[1][0]

    # Below the crossing x² + 1: second difference 2 h k. Across it, in two steps.
    np.testing.assert_allclose(jax.jit(difference(by))(0.5, 1e-4)[1], 2e-7, rtol=1e-5)
    check(by, 0.9995, 1e-4, rtol=1e-4)
