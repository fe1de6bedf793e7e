"""Calls: the programs inside are made of a few operations."""

import jax
import numpy as np
import pytest
from jax.extend.core import primitives

from secant.propagation import difference
from secant.propagation.jaxpr_tools import bind


def polynomial(x):
    return x * x * 3.0 - x


@jax.custom_jvp
def with_wrong_jvp(x):
    return polynomial(x)


with_wrong_jvp.defjvp(lambda primals, tangents: (polynomial(*primals), 100.0))


@jax.custom_vjp
def with_wrong_vjp(x):
    return polynomial(x)


with_wrong_vjp.defvjp(lambda x: (polynomial(x), None), lambda _, c: (100.0 * c,))


@jax.custom_batching.custom_vmap
def with_own_batches(x):
    return polynomial(x)


with_own_batches.def_vmap(lambda size, batched, x: (100.0 * x, True))


def showing(x):
    jax.debug.print("{}", x)
    jax.debug.callback(lambda x: None, x)
    return polynomial(x)


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
    "composite": jax.lax.composite(polynomial, "a.polynomial"),
    "custom_vmap": with_own_batches,
    "with jax.debug": showing,
    "named": jax.named_call(polynomial, name="polynomial"),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dx", [1e-10, 1e-3, 0.7])
def test_a_call_changes_as_the_function_that_is_called(check, name, dx):
    check(CALLS[name], 2.0, dx)


def test_a_custom_rule_for_derivatives_is_no_part_of_the_difference():
    assert float(jax.jvp(with_wrong_jvp, (2.0,), (1.0,))[1]) == 100
    assert abs(float(difference(with_wrong_jvp)(2.0, 1e-6)[1]) - 11e-6) < 1e-10


def test_checkpoint_stays_one_under_grad():
    gradient = jax.grad(lambda x: difference(CALLS["checkpoint"])(x, 1e-3)[1])
    held = {equation.primitive for equation in jax.make_jaxpr(gradient)(2.0).eqns}
    assert primitives.remat_p in held
    np.testing.assert_allclose(gradient(2.0), 6e-3, rtol=1e-6)
