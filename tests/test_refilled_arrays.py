"""A NumPy array that is refilled right after a call changes no result of that call.

JAX on a CPU reads a NumPy array after the call has returned.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import secant

SIZE = 300_000


def total(w):
    return jnp.sin(w).sum()


def of_network(x):
    net = secant.MLP([SIZE, 2], seed=0)
    params = jax.tree.map(jnp.asarray, net.params)
    method = secant.value_and_gradient(net, "backprop")
    return method(params, x[None], np.array([1]))[0]


CALLS = {
    "value_and_gradient": lambda x: secant.value_and_gradient(total, "backprop")(x)[0],
    "difference": lambda x: secant.difference(total)(x, np.float32(1e-3)),
    "difference, dx": lambda x: secant.difference(total)(jnp.ones(SIZE), x),
    "value_and_gradient of a network": of_network,
    "a loss": lambda x: secant.sum_squares_error(jnp.zeros(SIZE), x),
    "as_jax": lambda x: secant.as_jax(lambda v: v, result=x)(x),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_refilled_array_changes_no_result(name):
    call = CALLS[name]
    expected = jax.tree.map(np.asarray, call(np.ones(SIZE, np.float32)))
    for _ in range(25):
        x = np.ones(SIZE, np.float32)
        result = call(x)
        x[:] = 7
        jax.tree.map(np.testing.assert_array_equal, result, expected)
