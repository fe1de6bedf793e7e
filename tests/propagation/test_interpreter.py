"""The interpreter: a message names an operation without a rule, its line, a remedy."""

import inspect
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from secant.errors import SecantError
from secant.propagation import FallbackWarning, MissingRule, difference


def in_scan(x):
    def turn(c, _):
        return c * 2.0, lax.linalg.schur(c)[0]

    return lax.scan(turn, x, None, length=2)


def in_branch(x):
    return lax.cond(
        x[0, 0] > 0.0, lambda x: x[0], lambda x: lax.linalg.schur(x)[0][0], x
    )


def in_loop(x):
    return lax.while_loop(
        lambda c: c[0] < 2,
        lambda c: (c[0] + 1, lax.linalg.schur(c[1])[0]),
        (0, x),
    )


def through_a_library(x):
    return jax.scipy.linalg.schur(x)


PLACES = {
    "plain": lambda x: lax.linalg.schur(x),
    "jit": jax.jit(lambda x: jax.jit(lambda x: lax.linalg.schur(x))(x)),
    "scan": in_scan,
    "cond": in_branch,
    "while": in_loop,
    "checkpoint": jax.checkpoint(lambda x: lax.linalg.schur(x)),
    "jit of scan": jax.jit(in_scan),
    "a compiled function of JAX": through_a_library,
}

X = jnp.array([[2.0, 1.0], [0.5, 3.0]])
DX = jnp.full((2, 2), 0.25)


@pytest.mark.parametrize("name", PLACES)
def test_a_missing_rule_names_the_operation_the_line_and_the_remedy(name):
    with pytest.raises(MissingRule) as error:
        difference(PLACES[name])(X, DX)
    message = str(error.value)
    assert message.startswith("schur, at ")
    assert 'fallback="subtract"' in message
    assert "docs/primitives.md" in message
    assert __file__ in message
    line = int(message.split(__file__ + ":")[1].split(" ")[0])
    source = inspect.getsource(inspect.getmodule(in_scan)).splitlines()
    assert "schur" in source[line - 1]
    assert isinstance(error.value, SecantError | NotImplementedError)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", PLACES)
def test_the_fallback_subtracts_and_warns(name, compiled):
    f = PLACES[name]
    carry = difference(f, fallback="subtract")
    with pytest.warns(FallbackWarning, match=r"schur, at .*plain subtraction"):
        value, change = (jax.jit(carry) if compiled else carry)(X, DX)
    here, there = f(X), f(X + DX)
    for got, by, a, b in zip(
        *map(jax.tree.leaves, (value, change, here, there)), strict=True
    ):
        np.testing.assert_allclose(got, a, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(by, b - a, rtol=1e-4, atol=1e-5)


def test_what_a_rule_leaves_out_is_missing_or_subtracted():
    x = jnp.array([[2.0, 1.0, 0.5], [0.5, 3.0, 1.0]])
    with pytest.raises(MissingRule, match=r"svd, at .* full_matrices=False"):
        difference(jnp.linalg.svd)(x, x / 8)
    with pytest.warns(FallbackWarning, match=r"svd, at .* full_matrices=False"):
        _, change = difference(jnp.linalg.svd, fallback="subtract")(x, x / 8)
    np.testing.assert_allclose(change[1], jnp.linalg.svd(x)[1] / 8, rtol=1e-5)


def test_an_operation_without_a_rule_whose_operands_do_not_change_needs_none():
    def f(x):
        return x * lax.linalg.schur(X)[0]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        difference(f)(2.0, 1e-9)


def test_what_does_not_change_is_not_computed_twice():
    def f(x):
        return x["a"] * 2.0, jnp.cos(jnp.sin(x["b"]))

    x = {"a": 1.0, "b": 2.0}
    program = jax.make_jaxpr(lambda d: difference(f)(x, {"a": d, "b": None}))(1e-9)
    names = [equation.primitive.name for equation in program.eqns]
    assert names.count("sin") == 1
    assert names.count("cos") == 1
