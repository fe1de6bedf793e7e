"""Conditionals: the branch at x, the branch at x + dx, and the way between them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from secant.propagation import difference


def crossing(x):
    return lax.cond(
        x > 1.0, lambda x: (x * 3.0, 7, 2.0), lambda x: (x * x + 1.0, 5, 3.0), x
    )


@pytest.mark.parametrize(
    ("x", "dx"), [(0.9, 1e-9), (1.1, 1e-9), (0.9, 0.2), (1.1, -0.2), (0.9, -1.0)]
)
def test_a_branch_that_flips_gives_what_lies_between_the_two(check, x, dx):
    # Eagerly, every call compiles its branches again: one case is enough.
    check(crossing, x, dx, eager=dx == 0.2)


def test_a_branch_flips_though_dx_is_below_the_spacing_of_floats():
    def f(x):
        return lax.cond(x > 1.0, lambda x: x - 1.0, lambda x: (1.0 - x) * 5.0, x)

    value, change = jax.jit(difference(f))(1.0, 1e-12)
    assert float(value) == 0
    np.testing.assert_allclose(change, 1e-12)


def test_a_branch_that_is_not_made_for_x_is_computed_at_the_other_end(check):
    # At x, the branch of x + dx divides by zero.
    check(
        lambda x: lax.cond(x > 1.0, lambda x: 6.0 / (x - 1.0), lambda x: x, x), 1.0, 2.0
    )


def chosen(x):
    branches = [lambda x: x, lambda x: x * x, lambda x: x * x * x, lambda x: 1.0 - x]
    return lax.switch(x.astype(int), branches, x)


@pytest.mark.parametrize(
    ("x", "dx"), [(0.5, 1e-6), (0.9, 0.2), (1.9, 1.2), (2.5, -9.0)]
)
def test_switch_between_many(check, x, dx):
    check(chosen, x, dx, eager=dx == 1.2)


def test_what_changes_in_one_branch_only():
    def f(x):
        return lax.cond(
            jnp.arange(2)[1] > 0, lambda: (x * 2.0, 1.0), lambda: (1.0, 1.0)
        )

    _, (moved, still) = difference(f)(1.0, 1e-9)
    np.testing.assert_allclose(moved, 2e-9)
    assert float(still) == 0


def test_branches_under_vmap_become_selections(in_double):
    x, dx = np.float32([0.9, 1.1, 0.95]), np.float32([0.2, 1e-6, -1e-6])
    expected = [in_double(crossing, a, b) for a, b in zip(x, dx, strict=True)]
    for carry in (jax.vmap(difference(crossing)), difference(jax.vmap(crossing))):
        _, change = jax.jit(carry)(x, dx)
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
    _, change = jax.jit(difference(jnp.diagonal))(np.eye(3, dtype=np.float32), 1e-9)
    np.testing.assert_allclose(change, [1e-9] * 3)


def test_a_branch_under_grad():
    gradient = jax.jit(jax.grad(lambda x: difference(crossing)(x, 1e-3)[1][0]))
    np.testing.assert_allclose(gradient(0.5), 2e-3, rtol=1e-5)
    np.testing.assert_allclose(gradient(1.5), 0.0, atol=1e-7)


def test_a_branch_in_a_difference_of_a_difference(check):
    def by(x):
        return difference(crossing)(x, 1e-3)[1][0]

    # Below the crossing x² + 1: second difference 2 h k. Across it, in two steps.
    np.testing.assert_allclose(jax.jit(difference(by))(0.5, 1e-4)[1], 2e-7, rtol=1e-5)
    check(by, 0.9995, 1e-4, rtol=1e-4, eager=False)
