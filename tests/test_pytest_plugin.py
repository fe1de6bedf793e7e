"""The fixture that Secant brings to everybody's tests."""

import jax.numpy as jnp
import pytest

import secant


def test_fixture_passes_a_right_gradient_and_returns_the_report(check_gradient):
    assert check_gradient(lambda x: jnp.sum(x**2), jnp.ones(3)).ok


def test_fixture_fails_a_wrong_one_by_the_report(check_gradient):
    with pytest.raises(secant.WrongGradient, match=r"is 0\.5 times"):
        check_gradient(lambda x: jnp.sum(x**2), jnp.ones(3), lambda x: x)
